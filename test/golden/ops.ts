import { grad } from '@voxnorm/autograd'
import { Arena, type ArenaVariable, compile, input, read, sliceOf, type Tensor } from '@voxnorm/tensor'
import type { CaseContext, CaseRunner, CaseRunners } from './case-runner.ts'
import { type Comparison, compareTensor } from './compare.ts'
import { feedsOf } from './feeds.ts'
import {
  engineShape,
  type GoldenCase,
  type Layout,
  type TensorReference,
  toEngine,
  toGolden,
} from './manifest.ts'
import { type OpAttributes, type OpDefinition, opDefinitions } from './op-definitions.ts'

interface OpCase extends GoldenCase {
  readonly attrs: OpAttributes
  readonly inputs: Readonly<Record<string, TensorReference>>
  readonly outputs: Readonly<Record<string, TensorReference>>
  readonly grads?: Readonly<Record<string, TensorReference>>
}

/** The cotangent of the output among a case's inputs. */
const COTANGENT = 'dy'

const runnerOf =
  (definition: OpDefinition): CaseRunner =>
  (item, context) =>
    runOp(definition, item as OpCase, context)

/**
 * Builds the op with its gradients, runs both as one plan, and compares. Gradients are those of Σ y·dy where there is
 * a `dy`, of the scalar loss otherwise.
 */
async function runOp(definition: OpDefinition, item: OpCase, context: CaseContext): Promise<Comparison[]> {
  const { folder, runtime } = context
  const { attrs, inputs, outputs } = item
  const [result, ...unexpected] = Object.keys(outputs).filter((name) => !definition.state?.includes(name))
  if (result === undefined || unexpected.length > 0) {
    throw new TypeError(`outputs are ${Object.keys(outputs).join(', ')}, which this op does not have`)
  }
  const layoutOf = (name: string): Layout =>
    definition.layouts?.[name === COTANGENT ? result : name] ?? definition.layouts?.['*'] ?? 'plain'

  const values = (name: string) =>
    toEngine(layoutOf(name), inputs[name]!.shape, Float32Array.from(folder.stored(item, inputs[name]!)))
  const specOf = (name: string) => ({
    shape: engineShape(layoutOf(name), inputs[name]!.shape),
    dtype: layoutOf(name) === 'classes' ? ('u32' as const) : ('f32' as const),
  })
  const stateNames = definition.state ?? []
  const state = new Arena(
    'state',
    stateNames.map((name) => ({ name, spec: specOf(name) })),
  )
  await state.allocate(runtime)
  const variables = new Map<string, ArenaVariable>(state.variables.map((one) => [one.name, one]))
  for (const [name, variable] of variables) state.write(variable, values(name))

  const feeds: Record<string, Float32Array | Uint32Array> = {}
  const tensors: Record<string, Tensor> = {}
  for (const name of Object.keys(inputs)) {
    const variable = variables.get(name)
    tensors[name] = variable ? read(variable) : input(name, specOf(name))
    if (!variable) feeds[name] = specOf(name).dtype === 'u32' ? Uint32Array.from(values(name)) : values(name)
  }
  const y = definition.build(tensors, attrs)
  const targets = Object.keys(item.grads ?? {})
  const gradients = grad(
    y,
    targets.map((name) => tensors[name]!),
    { ct: tensors[COTANGENT] },
  )
  const computedTensors = {
    y,
    ...Object.fromEntries(targets.map((name, index) => [`gradient ${name}`, gradients[index]!])),
  }
  const updates = definition.updates?.(tensors, attrs) ?? []
  const plan = await compile(runtime, { name: item.id, outputs: computedTensors, updates })
  const graphs = [...Object.values(computedTensors), ...updates.flatMap((update) => update.inputs)]
  const got = await plan.run(feedsOf(graphs, feeds))
  const words = await state.readAll()
  plan.dispose()
  state.dispose()

  const compare = (label: string, name: string, computed: Float32Array, reference: TensorReference) =>
    compareTensor(folder, item, label, toGolden(layoutOf(name), reference.shape, computed), reference)
  return [
    ...compare(result, result, got['y']!, outputs[result]!),
    ...targets.flatMap((name) =>
      compare(`gradient ${name}`, name, got[`gradient ${name}`]!, item.grads![name]!),
    ),
    ...stateNames
      .filter((name) => outputs[name])
      .flatMap((name) => compare(name, name, sliceOf(words, variables.get(name)!), outputs[name]!)),
  ]
}

/** Every op with its gradients, on the device. */
export const opRunners: CaseRunners = Object.fromEntries(
  Object.entries(opDefinitions).map(([op, definition]) => [op, runnerOf(definition)]),
)
