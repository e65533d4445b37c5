export type { AdapterType, Toggles } from './adapters.ts'
export { type AdapterReport, type AdapterSurvey, listAdapters } from './doctor.ts'
export { OpenedGpu, type OpenGpuOptions, openGpu } from './gpu.ts'
export { hostProcessorTime, kernelProcessorTime } from './processor-time.ts'
