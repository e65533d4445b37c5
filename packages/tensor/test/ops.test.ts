import { testOps } from './op-suite.ts'

// The best software renderer of the machine; test/ runs the same cases on the other one and in a browser.
await testOps(process.env['VOXNORM_TEST_DEVICE'] ?? 'software')
