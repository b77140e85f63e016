/* Uniforms by Philox 4x32-10, as in random.py, a few at a time so that the rounds become vectors. */
#include <stdint.h>

enum { LANES = 16, ROUNDS = 10 };

/* n uniforms in (0, 1) for counters (first, position, index low, index high) and one key. */
void dguide_uniforms(const int64_t *first, const int64_t *position, const int64_t *index, uint64_t key, int64_t n,
                     double *out) {
    for (int64_t start = 0; start < n; start += LANES) {
        const int64_t count = n - start < LANES ? n - start : LANES;
        uint32_t a[LANES] = {0}, b[LANES] = {0}, c[LANES] = {0}, d[LANES] = {0};
        for (int64_t i = 0; i < count; i++) {
            a[i] = (uint32_t)first[start + i];
            b[i] = (uint32_t)position[start + i];
            c[i] = (uint32_t)index[start + i];
            d[i] = (uint32_t)((uint64_t)index[start + i] >> 32);
        }
        uint32_t k0 = (uint32_t)key, k1 = (uint32_t)(key >> 32);
        for (int round = 0; round < ROUNDS; round++) {
            for (int i = 0; i < LANES; i++) {
                const uint64_t left = (uint64_t)a[i] * 0xD2511F53u, right = (uint64_t)c[i] * 0xCD9E8D57u;
                a[i] = (uint32_t)(right >> 32) ^ b[i] ^ k0;
                b[i] = (uint32_t)right;
                c[i] = (uint32_t)(left >> 32) ^ d[i] ^ k1;
                d[i] = (uint32_t)left;
            }
            k0 += 0x9E3779B9u;
            k1 += 0xBB67AE85u;
        }
        for (int64_t i = 0; i < count; i++) {
            const uint64_t bits = (uint64_t)a[i] << 20 | b[i] >> 12;
            out[start + i] = (double)(int64_t)(2 * bits + 1) * 0x1p-53;
        }
    }
}
