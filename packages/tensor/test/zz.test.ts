import { it } from 'vitest'
import { openGpu } from '../src/node/index.ts'
import { Runtime } from '../src/runtime/runtime.ts'
import { allCases, instantiate } from '../src/testing/index.ts'
import { compile } from '../src/plan/compile.ts'
it('x', async () => {
  const o = await openGpu({device:'software'})
  const r = await Runtime.open(o.gpu)
  console.log(r.capabilities)
  r.device.addEventListener('uncapturederror', (e:any)=>console.log('ERR', e.error.message))
  const {output, feeds} = instantiate(allCases.conv3d!.cases[0]!)
  const plan = await compile(r, {name:'t', outputs:{y: output}}, {kernels: {conv3d:'lanes'}})
  const {y} = await plan.run(feeds)
  console.log(y!.slice(0,5), plan.steps.map(s=>[s.name, s.grid]))
  await r.idle()
})
