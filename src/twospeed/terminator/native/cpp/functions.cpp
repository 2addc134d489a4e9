#include "functions.h"

#include <algorithm>
#include <vector>

#include "images.h"
#include "products.h"
#include "rows.h"

extern "C" {

void standardize(const float* x, float* out, const std::uint8_t* kinds, const float* fixed_mean,
                 const float* fixed_variance, float* means, float* variances, long B, long C,
                 long N, int activated, int threads) {
#pragma omp parallel for num_threads(threads) schedule(static)
    for (long c = 0; c < C; ++c) {
        Moments moments{};
        if (kinds[c] == SHARED) moments = moments_of(x + c * N, B, C * N, N);
        if (kinds[c] == FIXED) moments = {fixed_mean[c], fixed_variance[c]};
        for (long b = 0; b < B; ++b) {
            const long row = b * C + c;
            if (kinds[c] == OWN) moments = moments_of(x + row * N, 1, N, N);
            means[row] = moments.mean;
            variances[row] = moments.variance;
            standardize_row(x + row * N, out + row * N, moments, N, activated);
        }
    }
}

void standardize_gradient(const float* x, const float* gradient, float* out,
                          const std::uint8_t* kinds, const float* means, const float* variances,
                          long B, long C, long N, int activated, int threads) {
#pragma omp parallel for num_threads(threads) schedule(static)
    for (long c = 0; c < C; ++c) {
        std::vector<Slopes> slopes(B);
        Slopes total{0, 0};
        for (long b = 0; b < B; ++b) {
            const long row = b * C + c;
            const Moments moments{means[row], variances[row]};
            const float *values = x + row * N, *slope = gradient + row * N;
            slopes[b] = activated ? slopes_of<true>(values, slope, out + row * N, moments, N)
                                  : slopes_of<false>(values, slope, out + row * N, moments, N);
            total.mean += slopes[b].mean / B;
            total.slope += slopes[b].slope / B;
        }
        for (long b = 0; b < B; ++b) {
            const long row = b * C + c;
            Slopes part = kinds[c] == OWN ? slopes[b] : total;
            if (kinds[c] == FIXED) part = {0, 0};
            subtract_means(x + row * N, out + row * N, {means[row], variances[row]},
                           static_cast<float>(part.mean / N), static_cast<float>(part.slope / N),
                           N);
        }
    }
}

void gated_unit(const float* both, const float* bias, float* out, float* means, float* variances,
                long B, long C, long N, int threads) {
#pragma omp parallel for num_threads(threads) schedule(static)
    for (long row = 0; row < B * C; ++row) {
        const long b = row / C, c = row % C;
        const float* first = both + (b * 2 * C + c) * N;
        float* to = out + row * N;
        product_row(first, first + C * N, bias + c, bias + C + c, to, N);
        const Moments moments = moments_of(to, 1, N, N);
        means[row] = moments.mean;
        variances[row] = moments.variance;
        standardize_row(to, to, moments, N, true);
    }
}

void gated_unit_gradient(const float* both, const float* bias, const float* gradient, float* out,
                         float* of_bias, const float* means, const float* variances, long B, long C,
                         long N, int threads) {
#pragma omp parallel num_threads(threads)
    {
        Floats product(N), slope(N);
#pragma omp for schedule(static)
        for (long row = 0; row < B * C; ++row) {
            const long b = row / C, c = row % C, at = b * 2 * C + c;
            const float *first = both + at * N, *second = first + C * N;
            const float bias_1 = bias[c], bias_2 = bias[C + c];
            const Moments moments{means[row], variances[row]};
            product_row(first, second, bias + c, bias + C + c, product.data(), N);
            const Slopes part =
                slopes_of<true>(product.data(), gradient + row * N, slope.data(), moments, N);
            subtract_means(product.data(), slope.data(), moments, static_cast<float>(part.mean / N),
                           static_cast<float>(part.slope / N), N);
            float *of_first = out + at * N, *of_second = of_first + C * N;
            const float* from = slope.data();
            float sum_1 = 0, sum_2 = 0;
#pragma omp simd reduction(+ : sum_1, sum_2)
            for (long i = 0; i < N; ++i) {
                of_first[i] = from[i] * (second[i] + bias_2);
                of_second[i] = from[i] * (first[i] + bias_1);
                sum_1 += of_first[i];
                sum_2 += of_second[i];
            }
            of_bias[at] = sum_1;
            of_bias[at + C] = sum_2;
        }
    }
}

int convolve(const float* values, const float* kernels, float* out, long B, long C, long H, long W,
             long height, long side, int per_sample, int threads) {
    return with_side(side, W, [&](auto taps, auto width) {
#pragma omp parallel num_threads(threads)
        {
            Padded image(H, W, height / 2, side / 2, width());
            Floats lines(2 * image.width);
#pragma omp for schedule(static)
            for (long row = 0; row < B * C; ++row) {
                image.fill(values + row * H * W);
                const float* kernel = kernels + (per_sample ? row : row % C) * height * side;
                convolve_image<width(), taps()>(image, kernel, height, out + row * H * W, H, W,
                                                lines.data());
            }
        }
    });
}

int convolve_gradient(const float* values, const float* gradient, float* out, long B, long C,
                      long H, long W, long height, long side, int per_sample, int threads) {
    return with_side(side, W, [&](auto taps, auto width) {
#pragma omp parallel num_threads(threads)
        {
            Padded image(H, W, height / 2, side / 2, width()), slope(H, W, 0, 0, width());
#pragma omp for schedule(static)
            for (long c = 0; c < C; ++c)
                for (long b = 0; b < B; ++b) {
                    const long row = b * C + c;
                    float* to = out + (per_sample ? row : c) * height * side;
                    if (per_sample || b == 0) std::fill(to, to + height * side, 0.0f);
                    image.fill(values + row * H * W);
                    slope.fill(gradient + row * H * W);
                    correlate_image<width(), taps()>(image, slope, height, H, to);
                }
        }
    });
}

void mix(const float* kernel, const float* values, float* out, long maps, long H, long W,
         int threads) {
#pragma omp parallel for num_threads(threads) schedule(static)
    for (long map = 0; map < maps; ++map)
        small_product(kernel + map * H * H, values + map * H * W, H, H, W, out + map * H * W);
}

void mix_gradient(const float* kernel, const float* values, const float* gradient, float* of_kernel,
                  float* of_values, long maps, long H, long W, int threads) {
#pragma omp parallel num_threads(threads)
    {
        Floats turned(H * std::max(H, W));
#pragma omp for schedule(static)
        for (long map = 0; map < maps; ++map) {
            const float* slope = gradient + map * H * W;
            transpose(values + map * H * W, H, W, turned.data());
            small_product(slope, turned.data(), H, W, H, of_kernel + map * H * H);
            transpose(kernel + map * H * H, H, H, turned.data());
            small_product(turned.data(), slope, H, H, W, of_values + map * H * W);
        }
    }
}

void gate(const float* of_channels, const float* of_positions, const float* x, float* out, long B,
          long C, long N, int threads) {
#pragma omp parallel for num_threads(threads) schedule(static)
    for (long row = 0; row < B * C; ++row) {
        const float score = of_channels[row];
        const float *scores = of_positions + row / C * N, *from = x + row * N;
        float* to = out + row * N;
#pragma omp simd
        for (long i = 0; i < N; ++i) to[i] = sigmoid(score * scores[i]) * from[i];
    }
}

void gate_gradient(const float* of_channels, const float* of_positions, const float* x,
                   const float* gradient, float* out_channels, float* out_positions, float* out,
                   long B, long C, long N, int threads) {
#pragma omp parallel for num_threads(threads) schedule(static)
    for (long b = 0; b < B; ++b) {
        const float* scores = of_positions + b * N;
        float* out_scores = out_positions + b * N;
        std::fill(out_scores, out_scores + N, 0.0f);
        for (long row = b * C; row < (b + 1) * C; ++row) {
            const float score = of_channels[row];
            const float *from = x + row * N, *slope = gradient + row * N;
            float* to = out + row * N;
            float sum = 0;
#pragma omp simd reduction(+ : sum)
            for (long i = 0; i < N; ++i) {
                const float share = sigmoid(score * scores[i]);
                const float of_score = slope[i] * from[i] * share * (1.0f - share);
                to[i] = slope[i] * share;
                out_scores[i] += of_score * score;
                sum += of_score * scores[i];
            }
            out_channels[row] = sum;
        }
    }
}

void pool(const float* values, const float* of_rows, const float* of_columns, float* out, long B,
          long C, long H, long W, long rows, long columns, int summed, int threads) {
#pragma omp parallel num_threads(threads)
    {
        Floats sum(H * W), part(rows * W);
#pragma omp for schedule(static)
        for (long c = 0; c < C; ++c)
            for (long b = 0; b < B; ++b) {
                const float* from = values + (b * C + c) * H * W;
                float* to = out + (summed ? c : b * C + c) * rows * columns;
                if (summed) {
                    for (long i = 0; i < H * W; ++i) sum[i] = (b == 0 ? 0.0f : sum[i]) + from[i];
                    if (b + 1 < B) continue;
                    from = sum.data();
                }
                small_product(of_rows, from, rows, H, W, part.data());
                small_product(part.data(), of_columns, rows, W, columns, to);
            }
    }
}

int lanes() { return LANES; }

int tile_rows() { return TILE_ROWS; }

void pack(const float* weights, float* panels, long M, long K, long row_step, long column_step,
          int threads) {
#pragma omp parallel for num_threads(threads) schedule(static)
    for (long i = 0; i < M; i += TILE_ROWS) {
        float* to = panels + i * K;
        for (long k = 0; k < K; ++k)
            for (long r = i; r < i + TILE_ROWS; ++r)
                *to++ = r < M ? weights[r * row_step + k * column_step] : 0.0f;
    }
}

// Weights (M, K) in panels, as a term wants them.
void linear(const float* weights, const float* values, float* out, long B, long M, long K, long N,
            int add, int threads) {
    const long blocks = (N + BLOCK - 1) / BLOCK;
#pragma omp parallel num_threads(threads)
    {
        Floats panels;
#pragma omp for schedule(static)
        for (long task = 0; task < B * blocks; ++task) {
            const long b = task / blocks;
            const Term term{weights, values + b * K * N, K};
            sum_block(&term, 1, out + b * M * N, M, N, task % blocks, add, panels);
        }
    }
}

// The same with weights as they are, by steps in memory.
void linear_unpacked(const float* weights, const float* values, float* out, long B, long M, long K,
                     long N, long row_step, long column_step, int threads) {
    float* panels = room_for<3>(whole_panels(M) * K);
    pack(weights, panels, M, K, row_step, column_step, 1);
    linear(panels, values, out, B, M, K, N, 0, threads);
}

}  // extern "C"
