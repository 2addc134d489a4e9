// The branches of a block without gradients, sample by sample: what passes between the steps of one
// sample stays in a cache.

#include <algorithm>
#include <cmath>
#include <utility>
#include <vector>

#include "functions.h"
#include "products.h"
#include "rows.h"

namespace {

// A sum is written once, so all its terms are gathered first.
class Terms {
   public:
    void add(const float* weights, const float* values, long depth) {
        if (weights != nullptr) terms_.push_back({weights, values, depth});
    }

    void write(float* out, long M, long N, bool add, int threads) const {
        if (terms_.empty() && !add) std::fill(out, out + M * N, 0.0f);
        sum_of_products(terms_.data(), static_cast<int>(terms_.size()), out, M, N, add, threads);
    }

   private:
    std::vector<Term> terms_;
};

// Samples side by side where there are enough of them, else the threads share each sample.
struct Threads {
    int samples, within;
    Threads(long B, int threads)
        : samples(B >= threads ? threads : 1), within(B >= threads ? 1 : threads) {}
};

void standardize_own(float* x, float* means, float* variances, long C, long N, int threads) {
    const std::vector<std::uint8_t> own(C, OWN);
    standardize(x, x, own.data(), nullptr, nullptr, means, variances, 1, C, N, 0, threads);
}

}  // namespace

extern "C" {

// Mirrored in fast/compiled.py.
struct GlobalPlan {
    const float *kernel, *slow, *slow_bias, *fast, *fast_bias, *out_slow, *out_fast, *out_map;
    const float *kappa_channels, *kappa_positions, *gain, *mixer, *kappa_hci, *hci_gain;
    const float *of_e1, *of_e2, *of_f, *of_m, *of_q, *of_o, *of_silu, *of_hi;
    long channels, outputs, side, first_earlier, second_earlier, gate_first;
};
}

namespace {

// Scratch of one sample.
struct Maps {
    explicit Maps(const GlobalPlan& plan) : C(plan.channels), N(plan.side * plan.side) {
        float* at = room_for<0>(10 * C * N + 2 * C + N);
        const auto take = [&at](long count) { return std::exchange(at, at + count); };
        for (float** map : {&Z, &gated, &f, &m, &q, &o, &silu, &hi}) *map = take(C * N);
        both = take(2 * C * N);
        means = take(C);
        variances = take(C);
        positions = take(N);
    }

    const long C, N;
    float *Z, *gated, *f, *m, *q, *o, *silu, *hi, *both, *means, *variances, *positions;
};

// f = IS(RGU_s(Z) + RGU_f(x)).
void unit_sum(const GlobalPlan& plan, const float* x, Maps& maps, int threads) {
    const long C = maps.C, N = maps.N;
    if (plan.out_map == nullptr)
        std::fill(maps.f, maps.f + C * N, 0.0f);
    else
        std::copy(plan.out_map, plan.out_map + C * N, maps.f);
    const auto unit = [&](const float* in, const float* bias, const float* out,
                          const float* values) {
        linear(in, values, maps.both, 1, 2 * C, C, N, 0, threads);
        gated_unit(maps.both, bias, maps.gated, maps.means, maps.variances, 1, C, N, threads);
        linear(out, maps.gated, maps.f, 1, C, C, N, 1, threads);
    };
    unit(plan.slow, plan.slow_bias, plan.out_slow, maps.Z);
    unit(plan.fast, plan.fast_bias, plan.out_fast, x);
    standardize_own(maps.f, maps.means, maps.variances, C, N, threads);
}

// From descriptors z to scores gain·κ·z², z standardized first where there is a gain.
void score(float* z, const float* kappa, const float* gain, bool with_gain, long count) {
    const Moments moments = gain == nullptr ? Moments{0.0f, 0.0f} : moments_of(z, 1, count, count);
    const float scale = gain == nullptr ? 1.0f : 1.0f / std::sqrt(moments.variance + EPSILON);
    const float factor = gain != nullptr && with_gain ? *gain : 1.0f;
    for (long i = 0; i < count; ++i) {
        const float y = (z[i] - moments.mean) * scale;
        z[i] = factor * kappa[i] * y * y;
    }
}

// q = IS(HCI·x), the gate before the standardization, or HCI·IS(x).
void gated_channels(const GlobalPlan& plan, const float* x, float* q, float* factors) {
    const long C = plan.channels, N = plan.side * plan.side;
    for (long c = 0; c < C; ++c) factors[c] = row_sum<false>(x + c * N, 0.0f, N) / N;
    score(factors, plan.kappa_hci, plan.hci_gain, true, C);
    for (long c = 0; c < C; ++c) {
        const float factor = sigmoid(factors[c]) * (plan.hci_gain == nullptr ? 1.0f : 2.0f);
        Moments moments = moments_of(x + c * N, 1, N, N);
        if (plan.gate_first) moments.variance *= factor * factor;
        const float scale = factor / std::sqrt(moments.variance + EPSILON);
        for (long i = 0; i < N; ++i) q[c * N + i] = (x[c * N + i] - moments.mean) * scale;
    }
}

// HI(o, x), or half of it with a gain.
void interact(const GlobalPlan& plan, const float* x, Maps& maps, int threads) {
    const long C = maps.C, N = maps.N;
    const float share = 1.0f / C;
    std::fill(maps.positions, maps.positions + N, 0.0f);
    for (long c = 0; c < C; ++c) {
        const float* row = maps.o + c * N;
        maps.means[c] = row_sum<false>(row, 0.0f, N) / N;
        for (long i = 0; i < N; ++i) maps.positions[i] += row[i] * share;
    }
    score(maps.means, plan.kappa_channels, plan.gain, true, C);
    score(maps.positions, plan.kappa_positions, plan.gain, false, N);
    gate(maps.means, maps.positions, x, maps.hi, 1, C, N, threads);
}

}  // namespace

extern "C" {

// m = IS(W_m x) and q, from which kernels are drawn and which they act on.
void operands(const GlobalPlan* plan, const float* x, float* m, float* q, long B, int count) {
    const long C = plan->channels, N = plan->side * plan->side;
    const Threads threads(B, count);
#pragma omp parallel for num_threads(threads.samples) schedule(static)
    for (long b = 0; b < B; ++b) {
        const Maps maps(*plan);
        const long at = b * C * N;
        linear(plan->mixer, x + at, m + at, 1, C, C, N, 0, threads.within);
        standardize_own(m + at, maps.means, maps.variances, C, N, threads.within);
        gated_channels(*plan, x + at, q + at, maps.means);
    }
}

void global_parts(const GlobalPlan* plan, const float* x, const float* m, const float* q,
                  const float* first, const float* second, float* total, long B, int add,
                  int count) {
    const long C = plan->channels, side = plan->side, N = side * side;
    const Threads threads(B, count);
#pragma omp parallel num_threads(threads.samples)
    {
        Maps maps(*plan);
#pragma omp for schedule(static)
        for (long b = 0; b < B; ++b) {
            const float* values = x + b * C * N;
            for (long i = 0; i < C * N; ++i) maps.Z[i] = values[i] * plan->kernel[i];
            unit_sum(*plan, values, maps, threads.within);
            const auto mixed = [&](const float* from, float* to) {
                mix(maps.Z, from, to, C, side, side, threads.within);
            };
            if (plan->of_m != nullptr) mixed(m + b * C * N, maps.m);
            if (plan->of_q != nullptr) mixed(q + b * C * N, maps.q);
            mixed(maps.f, maps.o);
            for (long i = 0; i < C * N; ++i) maps.silu[i] = maps.o[i] * sigmoid(maps.o[i]);
            if (plan->of_hi != nullptr) interact(*plan, values, maps, threads.within);
            Terms terms;
            terms.add(plan->of_e1, first + b * plan->first_earlier * N, plan->first_earlier);
            terms.add(plan->of_e2, second + b * plan->second_earlier * N, plan->second_earlier);
            terms.add(plan->of_f, maps.f, C);
            terms.add(plan->of_m, maps.m, C);
            terms.add(plan->of_q, maps.q, C);
            terms.add(plan->of_o, maps.o, C);
            terms.add(plan->of_silu, maps.silu, C);
            terms.add(plan->of_hi, maps.hi, C);
            terms.write(total + b * plan->outputs * N, plan->outputs, N, add, threads.within);
        }
    }
}

// W_l · depthwise(operand, kernel) of one local branch; with fixed statistics (else null) those and
// GELU as well, while the sample is in the cache.
int local_map(const float* values, const float* kernels, const float* weights, const float* mean,
              const float* variance, float* out, long B, long C, long H, long W, long height,
              long side, int per_sample, int count) {
    const Threads threads(B, count);
    const long N = H * W;
    int unknown = 0;
#pragma omp parallel num_threads(threads.samples) reduction(| : unknown)
    {
        float* local = room_for<0>(C * N);
#pragma omp for schedule(static)
        for (long b = 0; b < B; ++b) {
            const float* kernel = kernels + (per_sample ? b * C * height * side : 0);
            float* to = out + b * C * N;
            unknown |= convolve(values + b * C * N, kernel, local, 1, C, H, W, height, side, 0,
                                threads.within);
            linear(weights, local, to, 1, C, C, N, 0, threads.within);
            for (long c = 0; c < C && mean != nullptr; ++c)
                standardize_row(to + c * N, to + c * N, {mean[c], variance[c]}, N, true);
        }
    }
    return unknown;
}

// Add to each sample the weights of `J` branches times their maps, (J, B, C, N).
void add_branches(const float* const* weights, const float* maps, float* total, long J, long B,
                  long M, long C, long N, int count) {
    const Threads threads(B, count);
#pragma omp parallel for num_threads(threads.samples) schedule(static)
    for (long b = 0; b < B; ++b) {
        Terms terms;
        for (long j = 0; j < J; ++j) terms.add(weights[j], maps + (j * B + b) * C * N, C);
        terms.write(total + b * M * N, M, N, true, threads.within);
    }
}

// The sum of `J` weights times values, (B, depth, N) each; weights as they are, by steps in memory.
void combine(const float* const* weights, const float* const* values, const long* depths,
             const long* row_steps, const long* column_steps, float* total, long J, long B, long M,
             long N, int add, int count) {
    const Threads threads(B, count);
    std::vector<long> starts(J + 1, 0);
    for (long j = 0; j < J; ++j) starts[j + 1] = starts[j] + whole_panels(M) * depths[j];
    float* panels = room_for<3>(starts[J]);
    for (long j = 0; j < J; ++j)
        pack(weights[j], panels + starts[j], M, depths[j], row_steps[j], column_steps[j],
             1);
#pragma omp parallel for num_threads(threads.samples) schedule(static)
    for (long b = 0; b < B; ++b) {
        Terms terms;
        for (long j = 0; j < J; ++j)
            terms.add(panels + starts[j], values[j] + b * depths[j] * N, depths[j]);
        terms.write(total + b * M * N, M, N, add, threads.within);
    }
}

}  // extern "C"
