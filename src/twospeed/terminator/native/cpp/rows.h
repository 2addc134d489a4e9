// Rows: the N positions of one channel of one sample. A few rows fit a core's own cache, so
// statistics, standardization, GELU and their gradients cost one reading and one writing of memory.
//
// A sum is taken in an order that depends on sizes alone, never on the number of threads.

#pragma once

#include "lanes.h"

struct Moments {
    float mean;
    float variance;
};

// The sum of (x - shift), or of its square, over a row; four partial sums hide the wait of each.
template <bool SQUARED>
float row_sum(const float* row, float shift, long N) {
    Lanes sums[4] = {};
    long i = 0;
    for (; i + 4 * LANES <= N; i += 4 * LANES)
        for (int q = 0; q < 4; ++q) {
            const Lanes value = lanes_at(row + i + q * LANES) - shift;
            sums[q] += SQUARED ? value * value : value;
        }
    for (; i + LANES <= N; i += LANES) {
        const Lanes value = lanes_at(row + i) - shift;
        sums[0] += SQUARED ? value * value : value;
    }
    const Lanes all = (sums[0] + sums[1]) + (sums[2] + sums[3]);
    float sum = 0;
    for (int lane = 0; lane < LANES; ++lane) sum += all[lane];
    for (; i < N; ++i) {
        const float value = row[i] - shift;
        sum += SQUARED ? value * value : value;
    }
    return sum;
}

// Centre first, then measure: a large mean costs no digits. `stride` leads from row to row.
inline Moments moments_of(const float* rows, long count, long stride, long N) {
    double total = 0, squares = 0;
    for (long b = 0; b < count; ++b) total += row_sum<false>(rows + b * stride, 0.0f, N);
    const float mean = static_cast<float>(total / (count * N));
    for (long b = 0; b < count; ++b) squares += row_sum<true>(rows + b * stride, mean, N);
    return {mean, static_cast<float>(squares / (count * N))};
}

inline void standardize_row(const float* x, float* y, Moments moments, long N, bool activated) {
    const float mean = moments.mean, scale = 1.0f / std::sqrt(moments.variance + EPSILON);
    if (activated) {
#pragma omp simd
        for (long i = 0; i < N; ++i) y[i] = gelu((x[i] - mean) * scale);
    } else {
#pragma omp simd
        for (long i = 0; i < N; ++i) y[i] = (x[i] - mean) * scale;
    }
}

struct Slopes {
    double mean;
    double slope;
};

// Turn the gradient of y, or of gelu(y), into that of y, and return its sums with 1 and with y.
template <bool ACTIVATED>
inline Slopes slopes_of(const float* x, const float* gradient, float* out, Moments moments,
                        long N) {
    const float mean = moments.mean, scale = 1.0f / std::sqrt(moments.variance + EPSILON);
    float sum = 0, product = 0;
#pragma omp simd reduction(+ : sum, product)
    for (long i = 0; i < N; ++i) {
        const float y = (x[i] - mean) * scale;
        const float slope = ACTIVATED ? gradient[i] * gelu_slope(y) : gradient[i];
        out[i] = slope;
        sum += slope;
        product += slope * y;
    }
    return {sum, product};
}

inline void subtract_means(const float* x, float* out, Moments moments, float of_mean,
                           float of_slope, long N) {
    const float mean = moments.mean, scale = 1.0f / std::sqrt(moments.variance + EPSILON);
#pragma omp simd
    for (long i = 0; i < N; ++i)
        out[i] = (out[i] - of_mean - (x[i] - mean) * scale * of_slope) * scale;
}

inline void product_row(const float* first, const float* second, const float* bias_1,
                        const float* bias_2, float* out, long N) {
    const float of_first = *bias_1, of_second = *bias_2;
#pragma omp simd
    for (long i = 0; i < N; ++i) out[i] = (first[i] + of_first) * (second[i] + of_second);
}

// Where a channel takes its mean and variance from: each of its rows, all its rows, or outside.
enum Kind : std::uint8_t { OWN = 0, SHARED = 1, FIXED = 2 };
