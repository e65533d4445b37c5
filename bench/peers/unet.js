/**
 * The U-Net of the case `unet`, written once for libraries that differ in how they spell an op. `unit(h, name, index)`
 * is convolution, batch norm and ReLU; `join` concatenates channels; `keep` is for libraries whose ops use up what
 * they are given.
 */
export function unet({ unit, pool, up, join, head, keep = (h) => h }, x) {
  const block = (name, h) => unit(unit(h, name, 0), name, 1)
  const skips = []
  let h = x
  for (const level of [1, 2, 3]) {
    h = block(`enc${level}`, h)
    skips.push(keep(h))
    h = pool(h)
  }
  h = block('enc4', h)
  for (const level of [3, 2, 1]) h = block(`dec${level}`, join(skips[level - 1], up(h)))
  return head(h)
}
