import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { type Browser, chromium, type Page } from 'playwright-core'
import { bundle } from '../../scripts/bundle.js'
import { unpackChromium } from './chromium.ts'

/** How long the browser may take to start and to load a page, in ms: against hangs only. */
const PATIENCE = 540_000

const BLANK_PAGE = '<!doctype html><meta charset="utf-8"><title>voxnorm test</title>'

/**
 * A page with WebGPU in a headless Chromium. It is served from localhost, because browsers offer WebGPU to
 * secure origins only.
 */
export class BrowserPage {
  private readonly browser: Browser
  private readonly page: Page
  private readonly server: Server
  private readonly files: Map<string, string | Uint8Array>
  private readonly complaints: string[] = []

  private constructor(browser: Browser, page: Page, server: Server, files: Map<string, string | Uint8Array>) {
    this.browser = browser
    this.page = page
    this.server = server
    this.files = files
    page.on('console', (message) => {
      if (message.type() === 'error' || message.type() === 'warning') this.complaints.push(message.text())
    })
  }

  /** Starts the server and the browser; `close` ends both. */
  static async open(): Promise<BrowserPage> {
    const { executable, environment } = await unpackChromium()
    const files = new Map<string, string | Uint8Array>()
    const server = createServer((request, response) => {
      const content = files.get(request.url ?? '')
      const type = content === undefined ? 'text/html' : 'text/javascript'
      response.writeHead(200, { 'content-type': `${type}; charset=utf-8` }).end(content ?? BLANK_PAGE)
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const browser = await chromium.launch({
      timeout: PATIENCE,
      executablePath: executable,
      env: environment,
      args: ['--no-sandbox', '--enable-unsafe-webgpu', '--use-webgpu-adapter=swiftshader'],
    })
    const page = await browser.newPage()
    await page.goto(`http://localhost:${(server.address() as AddressInfo).port}/`, { timeout: PATIENCE })
    return new BrowserPage(browser, page, server, files)
  }

  /** Lets the page fetch bytes under a path such as `/scan.nii`. */
  serve(path: string, bytes: Uint8Array): void {
    this.files.set(path, bytes)
  }

  /**
   * Bundles a module of this folder as a page would get it, calls its exported `run` in the page, and returns
   * what that promises (JSON). Throws the page's error with what the console said.
   */
  async run<Result>(entry: string): Promise<Result> {
    return this.runModule(entry, await bundle(join(import.meta.dirname, entry), 'browser'))
  }

  /** As `run`, for the text of a module; errors call it `name`. */
  async runModule<Result>(name: string, text: string): Promise<Result> {
    const url = `/${this.files.size}-${name.replace(/\.ts$/, '.js')}`
    this.files.set(url, text)
    this.complaints.length = 0
    try {
      return (await this.page.evaluate(
        `import(${JSON.stringify(url)}).then((entry) => entry.run())`,
      )) as Result
    } catch (error) {
      const said = this.complaints.map((line) => `\n  console: ${line}`).join('')
      throw new Error(`${name} failed in the page: ${error instanceof Error ? error.message : error}${said}`)
    }
  }

  /** Ends the browser and the server. */
  async close(): Promise<void> {
    await this.browser.close()
    await new Promise((resolve) => this.server.close(resolve))
  }
}
