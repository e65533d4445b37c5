import { type TrainingConfig, type TrainingEvent, type TrainOptions, train } from '@voxnorm/models'
import type { Runtime } from '@voxnorm/tensor'
import { beforeAll, describe, expect, it } from 'vitest'
import { ball, tinyTraining, twoSites } from './subjects.ts'
import { eventsOf, eventsUntil, expectSameTensors, last, ofKind, stored } from './training-events.ts'

/** Declares the tests of interrupted trainings on a runtime that is opened by the time they run. */
export function testResuming(open: () => Runtime): void {
  const events = (config: TrainingConfig, options: TrainOptions = {}, data = twoSites()) =>
    eventsOf(open(), config, options, data)

  describe('a training that is stopped', () => {
    let whole: TrainingEvent[]
    beforeAll(async () => {
      whole = await events(tinyTraining())
    })

    it('goes on from an interruption with the same bits', async () => {
      const interrupted = await eventsUntil(
        open(),
        tinyTraining(),
        twoSites(),
        (event) => event.kind === 'step' && event.epoch === 1 && event.iteration === 0,
      )
      expect(interrupted.at(-1)).toMatchObject({ kind: 'stopped', reason: 'signal', epoch: 1, iteration: 2 })
      const resumed = await events(tinyTraining(), { resume: stored(interrupted) })
      expect(resumed[0]).toMatchObject({ resumedAt: { epoch: 1, iteration: 2 } })
      expect(ofKind(resumed, 'step')).toHaveLength(1)
      expectSameTensors(last(resumed, 'latest'), last(whole, 'latest'))
      const untimed = (all: TrainingEvent[]) => ({
        ...JSON.parse(last(all, 'latest').metadata['progress']!),
        elapsed: 0,
      })
      expect(untimed(resumed)).toEqual(untimed(whole))
      expect(ofKind(resumed, 'validation')[0]!.values).toEqual(ofKind(whole, 'validation')[1]!.values)
      expect(ofKind(resumed, 'epoch')[0]!.values).toEqual(ofKind(whole, 'epoch')[1]!.values)
    })

    it.each([0, 1])(
      'gives up a validation after %d of its batches, and makes it up when it goes on',
      async (n) => {
        const stop = new AbortController()
        const interrupted: TrainingEvent[] = []
        // The validation is the first that looks at the signal when all steps of the epoch are done.
        let looks = 0
        const signal = new Proxy(stop.signal, {
          get(target, key) {
            const all = interrupted.filter(({ kind }) => kind === 'step').length === 3
            if (key === 'aborted' && all && ++looks > n) stop.abort()
            return Reflect.get(target, key, target)
          },
        })
        for await (const event of train(open(), tinyTraining(), twoSites(), { signal }))
          interrupted.push(event)
        expect(ofKind(interrupted, 'epoch')).toEqual([])
        expect(interrupted.at(-1)).toMatchObject({
          kind: 'stopped',
          reason: 'signal',
          epoch: 0,
          iteration: 3,
        })
        const resumed = await events(tinyTraining(), { resume: stored(interrupted) })
        expect(ofKind(resumed, 'step')).toHaveLength(3)
        expect(ofKind(resumed, 'validation').map(({ values }) => values)).toEqual(
          ofKind(whole, 'validation').map(({ values }) => values),
        )
        expect(ofKind(resumed, 'epoch').map(({ values }) => values)).toEqual(
          ofKind(whole, 'epoch').map(({ values }) => values),
        )
        expectSameTensors(last(resumed, 'latest'), last(whole, 'latest'))
      },
    )

    it('lowers the rate of D by the mean over an epoch without validation subjects, interrupted or not', async () => {
      const { training } = twoSites()
      const data = { training, validation: [] }
      const one = tinyTraining({ epochs: 1 })
      const whole = await events(one, {}, data)
      const interrupted = await eventsUntil(open(), one, data, (event) => event.kind === 'step')
      const resumed = await events(one, { resume: stored(interrupted) }, data)
      const schedules = (all: TrainingEvent[]) =>
        JSON.parse(last(all, 'latest').metadata['progress']!).schedules
      expect(schedules(resumed)).toEqual(schedules(whole))
    })

    it('stops at the end of the iteration that passes the time limit, and counts over resumptions', async () => {
      let clock = 0
      const config = tinyTraining({ timeLimit: 10, epochs: 50 })
      const ticking = () => {
        clock += 1000
        return clock
      }
      const limited = await events(config, { now: ticking })
      const stopped = limited.at(-1)!
      expect(stopped).toMatchObject({ kind: 'stopped', reason: 'time-limit' })
      const steps = ofKind(limited, 'step')
      expect(steps.at(-1)!.time).toBeGreaterThanOrEqual(9)
      expect(steps.at(-1)!.time).toBeLessThanOrEqual(12)
      clock = 0
      const resume = stored(limited)
      const more = await events(config, { now: ticking, resume })
      expect(ofKind(more, 'step').length).toBeLessThanOrEqual(1)
    })

    it('leaves a best model even when no epoch has ended', async () => {
      const stop = new AbortController()
      stop.abort()
      const all = await events(tinyTraining(), { signal: stop.signal })
      expect(ofKind(all, 'step')).toHaveLength(1)
      expect(last(all, 'best')).toBeDefined()
      expect(JSON.parse(last(all, 'latest').metadata['progress']!).bestScore).toBeNull()
    })

    it('goes on with the same bits against what betrays the site', async () => {
      const config = tinyTraining(
        { epochs: 1, iterationsPerEpoch: 5 },
        { loss: { ...tinyTraining().loss, adversarial: 'confusion' } },
      )
      const whole = await events(config)
      const interrupted = await eventsUntil(
        open(),
        config,
        twoSites(),
        (event) => event.kind === 'step' && event.iteration === 1,
      )
      const resumed = await events(config, { resume: stored(interrupted) })
      expect(ofKind(resumed, 'step').length).toBeLessThan(5)
      expectSameTensors(last(resumed, 'latest'), last(whole, 'latest'))
      expect(ofKind(resumed, 'validation')[0]!.values).toEqual(ofKind(whole, 'validation')[0]!.values)
    })

    it('refuses a checkpoint of other settings, naming the first', async () => {
      const short = tinyTraining({ epochs: 1, iterationsPerEpoch: 1 })
      const resume = stored(await events(short))
      const other = { ...short, optim: { ...short.optim, weightDecay: 0 } }
      await expect(events(other, { resume })).rejects.toThrow('optim.weightDecay was 0.001 and is 0')
      const stranger = {
        ...twoSites(),
        training: [ball('a9', 'a', [0.2, 0.5, 0.9]), twoSites().training[1]!],
      }
      await expect(events(short, { resume }, stranger)).rejects.toThrow('subjects.0 was "a/a1" and is "a/a9"')
      const more = await events({ ...short, train: { ...short.train, epochs: 2 } }, { resume })
      expect(ofKind(more, 'step')).toHaveLength(1)
      const { progress: _progress, ...metadata } = resume.metadata
      await expect(events(short, { resume: { ...resume, metadata } })).rejects.toThrow('no checkpoint')
    })
  })
}
