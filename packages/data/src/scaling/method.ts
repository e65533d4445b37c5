/** Intensities of a prepared subject. */
export interface BrainImage {
  readonly channels: number
  /** [D, H, W, C]. */
  readonly image: Float32Array<ArrayBuffer>
  /** Above 0 in the brain, [D, H, W]. */
  readonly mask: Uint8Array<ArrayBuffer>
}

/** A way to bring intensities to a common range, as a value. */
export interface ScalingMethod<Fitted = unknown> {
  /** What it has to know of the brain of one image: where `mask` is above 0. Undefined where there is no contrast. */
  fit(image: Float32Array, mask: Uint8Array): Fitted | undefined
  /** What it does to a value; `learnt` is what it learnt of this channel, if it learns. */
  apply(fitted: Fitted, learnt?: readonly number[]): (value: number) => number
  /** Whether its values lie in 0..1, which is what the generator's sigmoid can reach. */
  readonly unitRange: boolean
  /** What a picture shows in black and in white. */
  readonly greys: readonly [black: number, white: number]
  /** Whether the zero of the intensities matters, so that they are moved to begin there first (see `moveToZero`). */
  readonly fromZero?: boolean
  /** How it learns from the training subjects, for scalings that do. */
  readonly learning?: ScalingLearning
}

/** What a scaling learns from training subjects that it scaled without having learnt. */
export interface ScalingLearning {
  /** What it learns, for messages. */
  readonly what: string
  /** How many numbers it learns for each channel. */
  readonly length: number
  /** Only training subjects may be given; there must be at least one. The result has a list for each channel. */
  learn(subjects: readonly BrainImage[]): number[][]
  /** Such a subject as if it had been scaled with what was learnt. */
  apply<Subject extends BrainImage>(subject: Subject, learnt: readonly (readonly number[])[]): Subject
}
