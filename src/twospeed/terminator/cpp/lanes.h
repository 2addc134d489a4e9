// Numbers eight at a time, and the functions of one number that the rest needs.
//
// Plain loops over them are vectorized by the compiler: no branch, no call of the mathematical
// library in any of them.

#pragma once

#include <cmath>
#include <cstdint>
#include <cstring>

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

// x·Phi(x), off by at most 1.1e-6: Phi(x) - 1/2 = x·P(x^2)/Q(x^2) by least squares on [0, 5.3]
// (tools/fit_gelu.py), faster than by way of exp. Beyond -5.3 as at -5.3.
inline float gelu(float x) {
    const float low = x < -5.3f ? -5.3f : x, inside = low > 5.3f ? 5.3f : low;
    const float t = inside * inside;
    float above = 2.40500602e-08f, below = 1.23715756e-06f;
    above = std::fmaf(above, t, 6.37901077e-06f);
    below = std::fmaf(below, t, 7.13517726e-05f);
    above = std::fmaf(above, t, 0.00016033353f);
    below = std::fmaf(below, t, 0.00183656663f);
    above = std::fmaf(above, t, 0.00462798764f);
    below = std::fmaf(below, t, 0.0281387863f);
    above = std::fmaf(above, t, 0.0329357298f);
    below = std::fmaf(below, t, 0.249223861f);
    above = std::fmaf(above, t, 0.398942254f);
    below = std::fmaf(below, t, 1.0f);
    return low * std::fmaf(inside, above / below, 0.5f);
}

inline float gelu_slope(float x) {
    const Normal normal = normal_of(x);
    return std::fmaf(x * normal.bell, 0.39894228f, normal.share);
}

inline float sigmoid(float x) {
    const float small = exp_of_negative(-std::fabs(x));
    return (x < 0 ? small : 1.0f) / (1.0f + small);
}

inline Lanes lanes_at(const float* from) { return *reinterpret_cast<const Lanes*>(from); }

// The same into a register: the compiler would read memory again for every use of it.
inline Lanes loaded(const float* from) {
    Lanes value = lanes_at(from);
#if defined(__x86_64__)
    asm("" : "+x"(value));
#endif
    return value;
}
