#!/usr/bin/env bash
# A .nii.gz of several gzip members, read by nifti-reader-js in the browser or in Node.
#
# A gzip file may consist of members one behind the other (RFC 1952, section 2.2), and a reader joins what they hold:
# gzip, Python's gzip module (and with it nibabel) and zlib in Node do. bgzip and parallel compressors such as mgzip
# write files like that. One expects `decompress` to give the whole image, or an error.
#
# nifti-reader-js 0.8.0 hands the file to the one-call form of fflate, which unpacks the first member only, into room of
# the size that the last member states. Neither says that anything is missing: `readImage` returns fewer voxels than
# the header announces, and how many depends on where the members begin.
#
# Who is hurt: web pages that show or segment scans from archives and pipelines that compress in parallel. voxnorm reads
# such files member by member and checks the sum of each (packages/data/src/image/gzip.ts).
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm init -y >/dev/null
npm install --silent --no-audit --no-fund nifti-reader-js@0.8.0 fflate@0.8.3
cat >read.mjs <<'END'
import { readFileSync } from 'node:fs'
import { gunzipSync, gzipSync } from 'node:zlib'
import { decompress, readHeader, readImage } from 'nifti-reader-js'

const VOXELS = 8 * 8 * 8
const image = new Uint8Array(352 + 2 * VOXELS)
const view = new DataView(image.buffer)
view.setInt32(0, 348, true)
for (const [index, size] of [3, 8, 8, 8, 1, 1, 1, 1].entries()) view.setInt16(40 + 2 * index, size, true)
view.setInt16(70, 4, true)
view.setInt16(72, 16, true)
for (const index of [0, 1, 2, 3]) view.setFloat32(76 + 4 * index, 1, true)
view.setFloat32(108, 352, true)
image.set([0x6e, 0x2b, 0x31, 0], 344)
for (let voxel = 0; voxel < VOXELS; voxel++) view.setInt16(352 + 2 * voxel, voxel, true)

const file = Buffer.concat([gzipSync(image.subarray(0, 700)), gzipSync(image.subarray(700))])
const whole = gunzipSync(file)
const bytes = file.buffer.slice(file.byteOffset, file.byteOffset + file.length)
const unpacked = decompress(bytes)
const voxels = readImage(readHeader(unpacked), unpacked)
const { version } = JSON.parse(readFileSync('node_modules/nifti-reader-js/package.json', 'utf8'))
console.log(`Node ${process.versions.node}, nifti-reader-js ${version}`)
console.log(`zlib of Node: ${whole.length} of ${image.length} bytes`)
console.log(`nifti-reader-js: ${unpacked.byteLength} bytes, ${voxels.byteLength} of ${2 * VOXELS} bytes of voxels, no error`)
const asDescribed = whole.length === image.length && unpacked.byteLength === 676 && voxels.byteLength === 324
if (!asDescribed) {
  console.log('this is not what is described above')
  process.exit(1)
}
END
node read.mjs
