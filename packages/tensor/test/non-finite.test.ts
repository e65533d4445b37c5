import { testNonFinite } from './non-finite-suite.ts'

// The best software renderer of the machine; test/adapters asks the other one.
await testNonFinite(process.env['VOXNORM_TEST_DEVICE'] ?? 'software')
