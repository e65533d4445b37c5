#!/usr/bin/env node
import { runBundled } from '../run-bundled.js'

await runBundled(import.meta.dirname, 'reliability')
