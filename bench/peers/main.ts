import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { option } from '../measure.ts'
import { type Case, casesOf } from './cases.ts'
import { type PeerProcess, startPeer } from './process.ts'
import { measure } from './rounds.ts'
import { printCase, type Row } from './table.ts'

/** Where `run.js` put the programs, and where the peers' own modules are. */
interface Programs {
  readonly here: string
  readonly worker: string
  readonly ours: string
}

const USAGE = `usage: node bench/peers/run.js [--peers ours,jax,tfjs,ort,torch] [--cases conv,norm,pool,up,unet,sweep]
       [--device NAME] [--rounds N] [--out FILE.json]`
/** Measures cases in peers, interleaved, and prints a table for each. Returns the exit code. */
export async function main(words: readonly string[], programs: Programs): Promise<number> {
  const names = (option(words, 'peers') ?? 'ours,jax,tfjs,ort,torch').split(',')
  const device = option(words, 'device') ?? 'auto'
  const out = option(words, 'out')
  const rounds = Number(option(words, 'rounds') ?? 5)
  let cases: readonly Case[]
  let commands: ReturnType<typeof commandsOf>
  try {
    cases = casesOf((option(words, 'cases') ?? 'conv,norm,pool,up,unet').split(','))
    commands = commandsOf(names, programs, device)
  } catch (error) {
    console.error(`error: ${(error as Error).message}\n${USAGE}`)
    return 64
  }
  const peers: PeerProcess[] = []
  for (const [name, command] of commands) {
    try {
      const peer = await startPeer(name, command)
      peers.push(peer)
      console.log(`${name} ${peer.version}: ${Object.values(peer.adapters).join(', ')}`)
    } catch (error) {
      console.log(`${name}: left out, ${(error as Error).message}`)
    }
  }
  const rows: Row[] = []
  const folder = mkdtempSync(join(tmpdir(), 'voxnorm-peers-'))
  try {
    for (const theCase of cases) {
      const measured = await measure(theCase, peers, folder, theCase.once ? 1 : rounds)
      printCase(theCase.name, measured)
      rows.push(...measured)
      // Long runs get stopped: what is done by then is kept.
      if (out) writeFileSync(out, `${JSON.stringify(rows, null, 2)}\n`)
    }
  } finally {
    for (const peer of peers) peer.stop()
    rmSync(folder, { recursive: true })
  }
  return rows.some(({ peer, wrong, error }) => peer === 'ours' && (wrong || error)) ? 1 : 0
}

/** How each peer's process is started. Throws RangeError for a peer that there is not. */
function commandsOf(names: readonly string[], { here, worker, ours }: Programs, device: string) {
  const inNode = (module: string) => [process.execPath, worker, module, device]
  const python = process.env['PYTHON'] ?? '/usr/bin/python3'
  const commands: Readonly<Record<string, readonly string[]>> = {
    ours: inNode(ours),
    jax: inNode(join(here, 'jax.js')),
    tfjs: inNode(join(here, 'tfjs.js')),
    ort: inNode(join(here, 'ort.js')),
    torch: [python, join(here, 'pytorch.py')],
  }
  return names.map((name) => {
    if (commands[name]) return [name, commands[name]] as const
    throw new RangeError(`no peer is called "${name}"; there are ${Object.keys(commands).join(', ')}`)
  })
}
