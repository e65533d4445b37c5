// JavaScript, so that Node can run it unaided: what is published of this repository, and the tarballs of it.
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { root, runTool } from './setup.mjs'

/**
 * @typedef {object} Package
 * @property {string} folder of the package in this repository
 * @property {Record<string, any> & { name: string, version: string }} manifest
 * @property {string} tarball name of its file
 */

/**
 * Every package that is published, in the order of their folders.
 *
 * @returns {Package[]}
 */
export function publishedPackages() {
  return readdirSync(join(root, 'packages'))
    .map((name) => join(root, 'packages', name))
    .map((folder) => ({ folder, manifest: JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) }))
    .filter(({ manifest }) => !manifest.private)
    .map((entry) => ({ ...entry, tarball: tarballOf(entry.manifest) }))
}

/**
 * Packs all of them as they were built last: another build would take the files away under whoever uses them.
 *
 * @param {string} destination folder for the tarballs
 */
export function packPackages(destination) {
  const filters = publishedPackages().map(({ manifest }) => `--filter=${manifest.name}`)
  const words = ['-r', ...filters, '--config.ignore-scripts=true', 'pack', '--pack-destination', destination]
  // pnpm names every file of every package on stdout.
  const status = runTool('pnpm', words, { stdio: ['ignore', 'ignore', 'inherit'] })
  if (status !== 0) throw new Error('pnpm could not pack the packages')
}

/** @param {{ name: string, version: string }} manifest */
function tarballOf({ name, version }) {
  return `${name.replace('@', '').replace('/', '-')}-${version}.tgz`
}
