// Parts of the fast evaluation as one pass over memory each: float32, contiguous, on a CPU.
//
// A row is the N positions of one channel of one sample; a few rows fit a core's own cache, so
// statistics, standardization, GELU and their gradients cost one reading and one writing of
// memory. What each function computes is said, with shapes, by its caller in native.py.
//
// A sum is taken in an order that depends on sizes alone, never on the number of threads.

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <type_traits>
#include <vector>

namespace {

constexpr float EPSILON = 1e-5f;
constexpr int LANES = 8;

typedef float Lanes __attribute__((vector_size(LANES * sizeof(float)), aligned(4)));

// exp for x <= 0: 2^n times a Taylor polynomial on |r| <= ln(2)/2; below -87 as at -87.
inline float exp_of_negative(float x) {
    x = x < -87.0f ? -87.0f : x;
    const float n = std::nearbyintf(x * 1.44269504f);
    const float r = std::fmaf(n, -1.42860677e-6f, std::fmaf(n, -0.693145752f, x));
    float sum = 1.0f / 5040;
    sum = std::fmaf(sum, r, 1.0f / 720);
    sum = std::fmaf(sum, r, 1.0f / 120);
    sum = std::fmaf(sum, r, 1.0f / 24);
    sum = std::fmaf(sum, r, 1.0f / 6);
    sum = std::fmaf(sum, r, 0.5f);
    sum = std::fmaf(sum, r, 1.0f);
    sum = std::fmaf(sum, r, 1.0f);
    const std::int32_t bits = (static_cast<std::int32_t>(n) + 127) << 23;
    float power;
    std::memcpy(&power, &bits, sizeof power);
    return sum * power;
}

// The normal distribution: Phi(x) by Abramowitz and Stegun, 7.1.26 (error of Phi at most 7.5e-8),
// and exp(-x^2/2), which it needs anyway.
struct Normal {
    float share;
    float bell;
};

inline Normal normal_of(float x) {
    const float z = std::fabs(x) * 0.70710678f;
    const float t = 1.0f / std::fmaf(0.3275911f, z, 1.0f);
    float sum = 1.061405429f;
    sum = std::fmaf(sum, t, -1.453152027f);
    sum = std::fmaf(sum, t, 1.421413741f);
    sum = std::fmaf(sum, t, -0.284496736f);
    sum = std::fmaf(sum, t, 0.254829592f);
    const float bell = exp_of_negative(-z * z);
    const float tail = 0.5f * sum * t * bell;
    return {x < 0 ? tail : 1.0f - tail, bell};
}

inline float gelu(float x) { return x * normal_of(x).share; }

inline float gelu_slope(float x) {
    const Normal normal = normal_of(x);
    return std::fmaf(x * normal.bell, 0.39894228f, normal.share);
}

inline float sigmoid(float x) {
    const float small = exp_of_negative(-std::fabs(x));
    return (x < 0 ? small : 1.0f) / (1.0f + small);
}

inline Lanes lanes_at(const float* from) { return *reinterpret_cast<const Lanes*>(from); }

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
Moments moments_of(const float* rows, long count, long stride, long N) {
    double total = 0, squares = 0;
    for (long b = 0; b < count; ++b) total += row_sum<false>(rows + b * stride, 0.0f, N);
    const float mean = static_cast<float>(total / (count * N));
    for (long b = 0; b < count; ++b) squares += row_sum<true>(rows + b * stride, mean, N);
    return {mean, static_cast<float>(squares / (count * N))};
}

void standardize_row(const float* x, float* y, Moments moments, long N, bool activated) {
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

// Turn the gradient of gelu(y) into that of y, and return its sums with 1 and with y.
Slopes slopes_of(const float* x, const float* gradient, float* out, Moments moments, long N,
                 bool activated) {
    const float mean = moments.mean, scale = 1.0f / std::sqrt(moments.variance + EPSILON);
    float sum = 0, product = 0;
#pragma omp simd reduction(+ : sum, product)
    for (long i = 0; i < N; ++i) {
        const float y = (x[i] - mean) * scale;
        const float slope = activated ? gradient[i] * gelu_slope(y) : gradient[i];
        out[i] = slope;
        sum += slope;
        product += slope * y;
    }
    return {sum, product};
}

void subtract_means(const float* x, float* out, Moments moments, float of_mean, float of_slope,
                    long N) {
    const float mean = moments.mean, scale = 1.0f / std::sqrt(moments.variance + EPSILON);
#pragma omp simd
    for (long i = 0; i < N; ++i)
        out[i] = (out[i] - of_mean - (x[i] - mean) * scale * of_slope) * scale;
}

void product_row(const float* first, const float* second, const float* bias_1, const float* bias_2,
                 float* out, long N) {
    const float of_first = *bias_1, of_second = *bias_2;
#pragma omp simd
    for (long i = 0; i < N; ++i) out[i] = (first[i] + of_first) * (second[i] + of_second);
}

// Where a channel takes its mean and variance from: each of its rows, all its rows, or outside.
enum Kind : std::uint8_t { OWN = 0, SHARED = 1, FIXED = 2 };

// An image with zeros around it, its rows so far apart that whole lanes can be read from each.
class Padded {
   public:
    Padded(long H, long W, long rows, long columns)
        : H_(H), W_(W), rows_(rows), columns_(columns), width((W + LANES - 1) / LANES * LANES),
          pitch(width + 2 * columns), values_((H + 2 * rows + 1) * pitch, 0.0f) {}

    void fill(const float* image) {
        for (long i = 0; i < H_; ++i)
            std::memcpy(&values_[(i + rows_) * pitch + columns_], image + i * W_,
                        W_ * sizeof(float));
    }

    const float* row(long i) const { return &values_[i * pitch]; }

   private:
    long H_, W_, rows_, columns_;

   public:
    long width, pitch;

   private:
    std::vector<float> values_;
};

// One input row to ROWS output rows below each other, of which the first has tap row `taps`.
template <int SIDE, int ROWS, int BLOCKS>
inline void add_row(const float* row, const float* taps, Lanes (*sums)[BLOCKS]) {
    for (int v = 0; v < SIDE; ++v)
        for (int q = 0; q < BLOCKS; ++q) {
            const Lanes value = lanes_at(row + v + q * LANES);
            for (int r = 0; r < ROWS; ++r) sums[r][q] += taps[v - r * SIDE] * value;
        }
}

// Two output rows at once: a value that is read serves both. BLOCKS vectors of each.
template <int SIDE, int BLOCKS>
void convolve_lanes(const float* padded, long pitch, const float* taps, long height, float* out,
                    float* next) {
    Lanes sums[2][BLOCKS] = {};
    add_row<SIDE, 1, BLOCKS>(padded, taps, sums);
    for (long u = 1; u < height; ++u)
        add_row<SIDE, 2, BLOCKS>(padded + u * pitch, taps + u * SIDE, sums);
    add_row<SIDE, 1, BLOCKS>(padded + height * pitch, taps + (height - 1) * SIDE, sums + 1);
    for (int q = 0; q < BLOCKS; ++q) {
        *reinterpret_cast<Lanes*>(out + q * LANES) = sums[0][q];
        *reinterpret_cast<Lanes*>(next + q * LANES) = sums[1][q];
    }
}

template <int SIDE>
void convolve_image(const Padded& image, const float* taps, long height, float* out, long H, long W,
                    float* lines) {
    float* next = lines + image.width;
    for (long i = 0; i < H; i += 2) {
        long j = 0;
        for (; j + 4 * LANES <= image.width; j += 4 * LANES)
            convolve_lanes<SIDE, 4>(image.row(i) + j, image.pitch, taps, height, lines + j, next + j);
        for (; j < image.width; j += LANES)
            convolve_lanes<SIDE, 1>(image.row(i) + j, image.pitch, taps, height, lines + j, next + j);
        std::memcpy(out + i * W, lines, W * sizeof(float));
        if (i + 1 < H) std::memcpy(out + (i + 1) * W, next, W * sizeof(float));
    }
}

// Add to each tap the sum over positions of gradient times the value that the tap met there.
template <int SIDE>
void correlate_image(const Padded& image, const Padded& gradient, long height, long H, float* taps) {
    for (long u = 0; u < height; ++u) {
        Lanes sums[SIDE] = {};
        for (long i = 0; i < H; ++i)
            for (long j = 0; j < image.width; j += LANES) {
                const Lanes slope = lanes_at(gradient.row(i) + j);
                const float* from = image.row(i + u) + j;
                for (int v = 0; v < SIDE; ++v) sums[v] += slope * lanes_at(from + v);
            }
        for (int v = 0; v < SIDE; ++v)
            for (int lane = 0; lane < LANES; ++lane) taps[u * SIDE + v] += sums[v][lane];
    }
}

// Two rows (or one) of a·b, BLOCKS vectors of each; b has rows of `pitch` numbers.
template <int ROWS, int BLOCKS>
void product_lanes(const float* a, long a_pitch, const float* b, long pitch, long depth, float* out) {
    Lanes sums[ROWS][BLOCKS] = {};
    for (long k = 0; k < depth; ++k)
        for (int q = 0; q < BLOCKS; ++q) {
            const Lanes value = lanes_at(b + k * pitch + q * LANES);
            for (int r = 0; r < ROWS; ++r) sums[r][q] += a[r * a_pitch + k] * value;
        }
    for (int r = 0; r < ROWS; ++r)
        for (int q = 0; q < BLOCKS; ++q)
            *reinterpret_cast<Lanes*>(out + r * pitch + q * LANES) = sums[r][q];
}

template <int ROWS>
void product_band(const float* a, const float* b, long depth, long columns, float* out) {
    long j = 0;
    for (; j + 4 * LANES <= columns; j += 4 * LANES)
        product_lanes<ROWS, 4>(a, depth, b + j, columns, depth, out + j);
    for (; j + LANES <= columns; j += LANES)
        product_lanes<ROWS, 1>(a, depth, b + j, columns, depth, out + j);
    for (; j < columns; ++j)
        for (int r = 0; r < ROWS; ++r) {
            float sum = 0;
            for (long k = 0; k < depth; ++k) sum += a[r * depth + k] * b[k * columns + j];
            out[r * columns + j] = sum;
        }
}

// out = a·b for small matrices: (rows, depth) times (depth, columns).
void small_product(const float* a, const float* b, long rows, long depth, long columns, float* out) {
    long i = 0;
    for (; i + 2 <= rows; i += 2)
        product_band<2>(a + i * depth, b, depth, columns, out + i * columns);
    for (; i < rows; ++i) product_band<1>(a + i * depth, b, depth, columns, out + i * columns);
}

void transpose(const float* from, long rows, long columns, float* to) {
    for (long i = 0; i < rows; ++i)
        for (long j = 0; j < columns; ++j) to[j * rows + i] = from[i * columns + j];
}

// Call `part` with the number of taps as a constant.
template <typename Part>
int with_side(long side, Part part) {
    switch (side) {
        case 1: part(std::integral_constant<int, 1>()); return 0;
        case 3: part(std::integral_constant<int, 3>()); return 0;
        case 5: part(std::integral_constant<int, 5>()); return 0;
        case 7: part(std::integral_constant<int, 7>()); return 0;
        case 9: part(std::integral_constant<int, 9>()); return 0;
        case 11: part(std::integral_constant<int, 11>()); return 0;
        case 13: part(std::integral_constant<int, 13>()); return 0;
        default: return 1;
    }
}

}  // namespace

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
            slopes[b] = slopes_of(x + row * N, gradient + row * N, out + row * N,
                                  {means[row], variances[row]}, N, activated);
            total.mean += slopes[b].mean / B;
            total.slope += slopes[b].slope / B;
        }
        for (long b = 0; b < B; ++b) {
            const long row = b * C + c;
            Slopes part = kinds[c] == OWN ? slopes[b] : total;
            if (kinds[c] == FIXED) part = {0, 0};
            subtract_means(x + row * N, out + row * N, {means[row], variances[row]},
                           static_cast<float>(part.mean / N), static_cast<float>(part.slope / N), N);
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
        std::vector<float> product(N), slope(N);
#pragma omp for schedule(static)
        for (long row = 0; row < B * C; ++row) {
            const long b = row / C, c = row % C, at = b * 2 * C + c;
            const float *first = both + at * N, *second = first + C * N;
            const float bias_1 = bias[c], bias_2 = bias[C + c];
            const Moments moments{means[row], variances[row]};
            product_row(first, second, bias + c, bias + C + c, product.data(), N);
            const Slopes part =
                slopes_of(product.data(), gradient + row * N, slope.data(), moments, N, true);
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
    return with_side(side, [&](auto taps) {
#pragma omp parallel num_threads(threads)
        {
            Padded image(H, W, height / 2, side / 2);
            std::vector<float> lines(2 * image.width);
#pragma omp for schedule(static)
            for (long row = 0; row < B * C; ++row) {
                image.fill(values + row * H * W);
                const float* kernel = kernels + (per_sample ? row : row % C) * height * side;
                convolve_image<taps()>(image, kernel, height, out + row * H * W, H, W, lines.data());
            }
        }
    });
}

int convolve_gradient(const float* values, const float* gradient, float* out, long B, long C, long H,
                      long W, long height, long side, int per_sample, int threads) {
    return with_side(side, [&](auto taps) {
#pragma omp parallel num_threads(threads)
        {
            Padded image(H, W, height / 2, side / 2), slope(H, W, 0, 0);
#pragma omp for schedule(static)
            for (long c = 0; c < C; ++c)
                for (long b = 0; b < B; ++b) {
                    const long row = b * C + c;
                    float* to = out + (per_sample ? row : c) * height * side;
                    if (per_sample || b == 0) std::fill(to, to + height * side, 0.0f);
                    image.fill(values + row * H * W);
                    slope.fill(gradient + row * H * W);
                    correlate_image<taps()>(image, slope, height, H, to);
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
        std::vector<float> turned(H * std::max(H, W));
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

}  // extern "C"
