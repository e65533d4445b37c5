/** Fails the way that a page's code fails: a complaint on the console, then an error. */
export async function run(): Promise<never> {
  console.error('the shader is crooked')
  throw new Error('nothing was computed')
}
