// Imported when a device with matrix units is opened; on others a page does not download these.
export { default as halo } from './halo.wgsl'
export { default as matrix } from './matrix.wgsl'
