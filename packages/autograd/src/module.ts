import { Arena, type ArenaVariable, elements, read, type Tensor } from '@voxnorm/tensor'
import { initialValues } from './init.ts'
import { fromFile } from './layout.ts'
import type { Parameter } from './parameter.ts'

/** A module with a tensor in the place of every parameter: what a forward pass is written in. */
export type Weights<M> = M extends Parameter ? Tensor : { readonly [Field in keyof M]: Weights<M[Field]> }

/** A parameter that has got its name and its memory. */
export interface BoundParameter extends Parameter {
  /** The path of fields that leads to it, as in `generator.enc1.conv0.weight`. */
  readonly name: string
  readonly variable: ArenaVariable
  /** Its value at the start of a plan, and the target to differentiate with respect to. */
  readonly tensor: Tensor
}

/**
 * A module bound to memory. Trained parameters lie in one arena and running statistics in another, in the order of
 * the module's fields.
 */
export interface Network<M> {
  readonly name: string
  readonly weights: Weights<M>
  readonly trained: readonly BoundParameter[]
  readonly statistics: readonly BoundParameter[]
  readonly parameterArena: Arena
  readonly statisticsArena: Arena
}

/**
 * Gives every parameter of a module a name that begins with `name`, and a place in an arena. A module is a plain
 * object whose fields are parameters or modules. The arenas have no memory until they are allocated on a device.
 * Throws TypeError for a field that is neither parameter nor module.
 */
export function bind<M extends object>(name: string, module: M): Network<M> {
  const leaves = collectParameters(name, module)
  const trained = leaves.filter(({ role }) => role === 'trained')
  const statistics = leaves.filter(({ role }) => role === 'statistic')
  const parameterArena = new Arena(`${name}.parameters`, trained)
  const statisticsArena = new Arena(`${name}.statistics`, statistics)
  const bindTo = (arena: Arena, parameters: readonly NamedParameter[]) =>
    parameters.map((parameter, index): BoundParameter => {
      const variable = arena.variables[index]!
      return { ...parameter, variable, tensor: read(variable) }
    })
  const bound = { trained: bindTo(parameterArena, trained), statistics: bindTo(statisticsArena, statistics) }
  const tensors = new Map([...bound.trained, ...bound.statistics].map((leaf) => [leaf.name, leaf.tensor]))
  return {
    name,
    weights: mapLeaves(name, module, (path) => tensors.get(path)!) as Weights<M>,
    ...bound,
    parameterArena,
    statisticsArena,
  }
}

/** A parameter and the path that leads to it. */
export interface NamedParameter extends Parameter {
  readonly name: string
}

/** All parameters of a module, in the order of its fields. Throws TypeError as `bind` does. */
export function collectParameters(name: string, module: object): NamedParameter[] {
  const leaves: NamedParameter[] = []
  mapLeaves(name, module, (path, parameter) => leaves.push({ ...parameter, name: path }))
  return leaves
}

/** Trained scalars of a module. */
export const countTrained = (module: object): number =>
  collectParameters('', module)
    .filter(({ role }) => role === 'trained')
    .reduce((sum, { spec }) => sum + elements(spec.shape), 0)

/**
 * The first values of a network's parameters, laid out as their arena is. They are drawn in the order of the file, so
 * that the engine's layouts have no influence on them.
 */
export function initialArena(
  arena: Arena,
  parameters: readonly BoundParameter[],
  seed: number,
): Float32Array {
  const words = new Float32Array(arena.words)
  for (const { name, variable, layout, init, spec } of parameters) {
    const values = initialValues(init, elements(spec.shape), seed, name)
    words.set(fromFile(values, layout), variable.offset)
  }
  return words
}

function mapLeaves(
  path: string,
  node: unknown,
  leaf: (path: string, parameter: Parameter) => unknown,
): unknown {
  if (isParameter(node)) return leaf(path, node)
  if (typeof node !== 'object' || node === null) {
    throw new TypeError(`module ${path}: must be a parameter or an object of parameters, but it is ${node}`)
  }
  return Object.fromEntries(
    Object.entries(node).map(([field, child]) => [
      field,
      mapLeaves(path === '' ? field : `${path}.${field}`, child, leaf),
    ]),
  )
}

const isParameter = (node: unknown): node is Parameter =>
  typeof node === 'object' && node !== null && 'role' in node && 'layout' in node && 'init' in node
