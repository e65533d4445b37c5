import {
  imageAxes,
  makeLabelVolume,
  networkAxes,
  type Shape3,
  type Triple,
  windowCorners,
} from '@voxnorm/data'
import { expect, it } from 'vitest'

const image: Shape3 = [4, 5, 6]
const network: Triple = [6, 5, 4]

it('turns image axes into network axes and back', () => {
  expect(networkAxes(image)).toEqual(network)
  expect(imageAxes(network)).toEqual(image)
})

// Compiled by the type check, never run: it fails there as soon as one order is taken for the other.
export function neverMixed(): void {
  // @ts-expect-error x, y, z where z, y, x is meant
  windowCorners(image, 4, 2)
  // @ts-expect-error z, y, x where x, y, z is meant
  makeLabelVolume(network, new Uint8Array(120))
}
