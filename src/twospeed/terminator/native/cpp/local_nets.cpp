// The local slow nets without gradients: from features to the kernels of all local branches.

#include <algorithm>
#include <cmath>
#include <utility>
#include <vector>

#include "functions.h"
#include "products.h"
#include "rows.h"

extern "C" {

// Mirrored in fast/compiled.py. J nets side by side, h hidden units, P points of the longest
// kernel.
struct LocalPlan {
    const float *reduce, *reduce_bias, *embed, *embed_bias, *first, *shift, *out, *out_bias;
    const float *const *gates, *const *gate_biases;                    // per layer
    const float *const *hidden, *const *hidden_biases, *const *waves;  // from the second on
    const float *const *alphas, *const *betas;                         // from the second on
    const float *const *rows, *const *columns;                         // per net
    const long* kernel_sides;                                          // per net
    long nets, layers, channels, reduced, embedded, width, longest, axes, summed;
};
}

namespace {

// out = weight·x + bias, (rows, P); all of net `j`.
void affine(const float* weight, const float* bias, const float* x, long j, long rows, long depth,
            long P, float* out) {
    small_product(weight + j * rows * depth, x, rows, depth, P, out);
    for (long i = 0; i < rows; ++i)
        for (long p = 0; p < P; ++p) out[i * P + p] += bias[j * rows + i];
}

// v = α u + β u/||u|| with u = g·linear + shift, row by row, in place of `linear`.
void renormalize(const LocalPlan& plan, long layer, long j, float* linear, long P) {
    const long h = plan.width;
    for (long i = 0; i < h; ++i) {
        float* row = linear + i * P;
        const float* wave = plan.waves[layer] + (j * h + i) * P;
        float squares = 0;
        for (long p = 0; p < P; ++p) {
            row[p] = wave[p] * row[p] + plan.shift[j * P + p];
            squares += row[p] * row[p];
        }
        const float norm = std::max(std::sqrt(squares), 1e-12f);
        const float factor = plan.alphas[layer][j * h + i] + plan.betas[layer][j * h + i] / norm;
        for (long p = 0; p < P; ++p) row[p] *= factor;
    }
}

// One net on one context, (C, P): its kernel, (C, P).
void draw(const LocalPlan& plan, long j, const float* context, long P, float* kernel) {
    const long h = plan.width, room = (plan.reduced + plan.embedded + 3 * h) * P;
    float* at = room_for<1>(room);
    const auto take = [&at, P](long rows) { return std::exchange(at, at + rows * P); };
    float *reduced = take(plan.reduced), *zeta = take(plan.embedded);
    float *hidden = take(h), *linear = take(h), *gate = take(h);
    affine(plan.reduce, plan.reduce_bias, context, j, plan.reduced, plan.channels, P, reduced);
    affine(plan.embed, plan.embed_bias, reduced, j, plan.embedded, plan.reduced, P, zeta);
    for (long i = 0; i < plan.embedded * P; ++i) zeta[i] = gelu(zeta[i]);
    std::copy_n(plan.first + j * h * P, h * P, hidden);
    for (long layer = 0; layer < plan.layers; ++layer) {
        if (layer > 0) {
            affine(plan.hidden[layer - 1], plan.hidden_biases[layer - 1], hidden, j, h, h, P,
                   linear);
            renormalize(plan, layer - 1, j, linear, P);
            std::swap(hidden, linear);
        }
        affine(plan.gates[layer], plan.gate_biases[layer], zeta, j, h, plan.embedded, P, gate);
        for (long i = 0; i < h * P; ++i) hidden[i] *= gate[i];
    }
    affine(plan.out, plan.out_bias, hidden, j, plan.channels, h, P, kernel);
}

}  // namespace

extern "C" {

// `sources` per net, (B, C, H, W); `kernels` per net, (samples, C, k, k) or (samples, C, k).
void draw_local_kernels(const LocalPlan* plan, const float* const* sources, float* const* kernels,
                        long B, long H, long W, int threads) {
    const long C = plan->channels, longest = plan->longest, high = plan->axes == 2 ? longest : 1;
    const long P = high * longest, samples = plan->summed ? 1 : B;
    Floats contexts(plan->nets * samples * C * P);
    for (long j = 0; j < plan->nets; ++j)
        pool(sources[j], plan->rows[j], plan->columns[j], contexts.data() + j * samples * C * P, B,
             C, H, W, high, longest, plan->summed != 0, threads);
    if (plan->summed)
        for (float& value : contexts) value /= static_cast<float>(B);
#pragma omp parallel for num_threads(threads) schedule(static)
    for (long task = 0; task < plan->nets * samples; ++task) {
        const long j = task / samples, side = plan->kernel_sides[j],
                   tall = plan->axes == 2 ? side : 1;
        float* drawn = room_for<2>(C * P);
        draw(*plan, j, contexts.data() + task * C * P, P, drawn);
        float* out = kernels[j] + task % samples * C * tall * side;
        for (long c = 0; c < C; ++c)
            for (long u = 0; u < tall; ++u)
                std::copy_n(drawn + c * P + u * longest, side, out + (c * tall + u) * side);
    }
}

}  // extern "C"
