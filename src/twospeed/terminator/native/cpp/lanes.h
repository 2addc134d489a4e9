// As many numbers at a time as the machine takes, and the functions of one number that the rest
// needs.
//
// Plain loops over them are vectorized by the compiler: no branch, no call of the mathematical
// library in any of them.

#pragma once

#include <cmath>
#include <cstdint>
#include <cstring>
#include <new>
#include <vector>

constexpr float EPSILON = 1e-5f;

// Numbers that one instruction takes: 512 bits of AVX-512, 256 of AVX2, else 128 (SSE, NEON).
#if defined(__AVX512F__)
constexpr int LANES = 16;
#elif defined(__AVX2__)
constexpr int LANES = 8;
#else
constexpr int LANES = 4;
#endif

// Memory that begins where a line of the cache does: no vector in it lies across two.
template <typename T>
struct OnLines {
    typedef T value_type;
    OnLines() = default;
    template <typename U>
    OnLines(const OnLines<U>&) {}
    T* allocate(std::size_t count) {
        return static_cast<T*>(::operator new(count * sizeof(T), std::align_val_t(64)));
    }
    void deallocate(T* at, std::size_t) { ::operator delete(at, std::align_val_t(64)); }
    bool operator==(const OnLines&) const { return true; }
    bool operator!=(const OnLines&) const { return false; }
};
using Floats = std::vector<float, OnLines<float>>;

template <int WIDTH>
struct Vector;
template <>
struct Vector<4> {
    typedef float type __attribute__((vector_size(16), aligned(4)));
};
template <>
struct Vector<8> {
    typedef float type __attribute__((vector_size(32), aligned(4)));
};
template <>
struct Vector<16> {
    typedef float type __attribute__((vector_size(64), aligned(4)));
};

// A few numbers side by side; rows shorter than LANES are taken by halves.
template <int WIDTH>
using Few = typename Vector<WIDTH>::type;
using Lanes = Few<LANES>;
constexpr int HALF = LANES > 4 ? LANES / 2 : 4;

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

struct Ratio {
    float above[6], below[6];  // coefficients from the lowest power on
};

// Written out: an inner loop would keep the loop around it from being vectorized.
inline float polynomial(const float (&c)[6], float t) {
    const float upper = std::fmaf(std::fmaf(c[5], t, c[4]), t, c[3]);
    return std::fmaf(std::fmaf(std::fmaf(upper, t, c[2]), t, c[1]), t, c[0]);
}

// 1/2 + x·P(x^2)/Q(x^2), without a branch or a call of exp; tools/fit_gelu.py finds the
// coefficients.
inline float half_plus(float x, const Ratio& ratio) {
    const float t = x * x;
    return std::fmaf(x, polynomial(ratio.above, t) / polynomial(ratio.below, t), 0.5f);
}

inline float clamped(float x, float reach) {
    const float low = x < -reach ? -reach : x;
    return low > reach ? reach : low;
}

constexpr Ratio NORMAL = {
    {0.398942254f, 0.0329358737f, 0.00462799787f, 0.000160335213f, 6.37904289e-06f,
     2.40500742e-08f},
    {1.0f, 0.249224222f, 0.0281388725f, 0.00183657592f, 7.1352424e-05f, 1.23716036e-06f}};

constexpr Ratio SLOPE = {
    {0.797885345f, -0.0309749331f, 0.014226036f, 1.97596668e-05f, 3.58990982e-05f, 1.9216414e-07f},
    {1.0f, 0.294520109f, 0.0409838825f, 0.00352265053f, 0.000192054049f, 8.92806609e-06f}};

// x·Phi(x), off by at most 1.1e-6 for |x| <= 8; below -5.3 as at -5.3.
inline float gelu(float x) { return (x < -5.3f ? -5.3f : x) * half_plus(clamped(x, 5.3f), NORMAL); }

// Its derivative, off by at most 4e-7.
inline float gelu_slope(float x) { return half_plus(clamped(x, 5.6f), SLOPE); }

inline float sigmoid(float x) {
    const float small = exp_of_negative(-std::fabs(x));
    return (x < 0 ? small : 1.0f) / (1.0f + small);
}

template <int WIDTH = LANES>
inline Few<WIDTH> lanes_at(const float* from) {
    return *reinterpret_cast<const Few<WIDTH>*>(from);
}

template <int WIDTH = LANES>
inline void put(float* to, Few<WIDTH> value) {
    *reinterpret_cast<Few<WIDTH>*>(to) = value;
}

// The same into a register: the compiler would read memory again for every use of it.
template <int WIDTH = LANES>
inline Few<WIDTH> loaded(const float* from) {
    Few<WIDTH> value = lanes_at<WIDTH>(from);
#if defined(__x86_64__)
    asm("" : "+v"(value));
#endif
    return value;
}
