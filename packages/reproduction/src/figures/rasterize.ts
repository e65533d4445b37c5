import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { initWasm, Resvg } from '@resvg/resvg-wasm'
import { PIXELATED } from '@voxnorm/report'

/** Pixels of the picture for each user unit: 1488 for a figure, enough for a page of paper. */
const SCALE = 2

let prepared: Promise<Uint8Array[]> | undefined

/**
 * An SVG text as PNG of twice its width and height in pixels, on white.
 *
 * The renderer and the font come with the program, so the picture is the same on every machine.
 */
export async function svgToPng(svg: string): Promise<Uint8Array> {
  prepared ??= prepare()
  const fontBuffers = await prepared
  // The renderer knows the older word of SVG 1.1 only, and browsers the newer one only.
  const drawing = new Resvg(svg.replaceAll(PIXELATED, 'image-rendering="optimizeSpeed"'), {
    background: '#ffffff',
    fitTo: { mode: 'zoom', value: SCALE },
    font: { fontBuffers, defaultFontFamily: 'Arimo', sansSerifFamily: 'Arimo', loadSystemFonts: false },
  })
  try {
    const rendered = drawing.render()
    const png = rendered.asPng()
    rendered.free()
    return png
  } finally {
    // What it holds lies in the renderer's memory, which no garbage collector sees.
    drawing.free()
  }
}

/** Starts the renderer, which works once in a process, and reads the font in regular and bold. */
async function prepare(): Promise<Uint8Array[]> {
  const require = createRequire(import.meta.url)
  await initWasm(await readFile(require.resolve('@resvg/resvg-wasm/index_bg.wasm')))
  return Promise.all([
    readFile(require.resolve('@expo-google-fonts/arimo/400Regular/Arimo_400Regular.ttf')),
    readFile(require.resolve('@expo-google-fonts/arimo/700Bold/Arimo_700Bold.ttf')),
  ])
}
