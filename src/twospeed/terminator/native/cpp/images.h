// Depthwise correlation of images with small kernels, and the gradient of the kernels.

#pragma once

#include <type_traits>
#include <vector>

#include "lanes.h"

// Rows are short: a call of memcpy would take as long as the copy.
inline void copy_row(const float* from, float* to, long count) {
    long j = 0;
    for (; j + LANES <= count; j += LANES) *reinterpret_cast<Lanes*>(to + j) = lanes_at(from + j);
    for (; j < count; ++j) to[j] = from[j];
}

// An image with zeros around it, its rows so far apart that whole lanes can be read from each.
class Padded {
   public:
    const long width, pitch;

    Padded(long H, long W, long rows, long columns)
        : width((W + LANES - 1) / LANES * LANES),
          pitch(width + 2 * columns),
          H_(H),
          W_(W),
          rows_(rows),
          columns_(columns),
          values_((H + 2 * rows + 1) * pitch, 0.0f) {}

    void fill(const float* image) {
        for (long i = 0; i < H_; ++i)
            copy_row(image + i * W_, &values_[(i + rows_) * pitch + columns_], W_);
    }

    const float* row(long i) const { return &values_[i * pitch]; }

   private:
    const long H_, W_, rows_, columns_;
    std::vector<float> values_;
};

// One input row to ROWS output rows below each other, of which the first has tap row `taps`.
template <int SIDE, int ROWS, int BLOCKS>
inline void add_row(const float* row, const float* taps, Lanes (*sums)[BLOCKS]) {
    for (int v = 0; v < SIDE; ++v)
        for (int q = 0; q < BLOCKS; ++q) {
            const Lanes value = loaded(row + v + q * LANES);
            for (int r = 0; r < ROWS; ++r) sums[r][q] += taps[v - r * SIDE] * value;
        }
}

// Two output rows at once: a value that is read serves both. BLOCKS vectors of each.
template <int SIDE, int BLOCKS>
inline void convolve_lanes(const float* padded, long pitch, const float* taps, long height,
                           float* out, float* next) {
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

// `lines` holds two rows for where the image has none, or none that take whole lanes.
template <int SIDE>
void convolve_image(const Padded& image, const float* taps, long height, float* out, long H, long W,
                    float* lines) {
    const bool whole = image.width == W;
    for (long i = 0; i < H; i += 2) {
        const bool two = i + 1 < H;
        float* first = whole ? out + i * W : lines;
        float* second = whole && two ? first + W : lines + image.width;
        long j = 0;
        for (; j + 4 * LANES <= image.width; j += 4 * LANES)
            convolve_lanes<SIDE, 4>(image.row(i) + j, image.pitch, taps, height, first + j,
                                    second + j);
        for (; j < image.width; j += LANES)
            convolve_lanes<SIDE, 1>(image.row(i) + j, image.pitch, taps, height, first + j,
                                    second + j);
        if (!whole) copy_row(first, out + i * W, W);
        if (!whole && two) copy_row(second, out + (i + 1) * W, W);
    }
}

// Add to each tap the sum over positions of gradient times the value that the tap met there.
template <int SIDE>
inline void correlate_image(const Padded& image, const Padded& gradient, long height, long H,
                            float* taps) {
    for (long u = 0; u < height; ++u) {
        Lanes sums[SIDE] = {};
        for (long i = 0; i < H; ++i)
            for (long j = 0; j < image.width; j += LANES) {
                const Lanes slope = loaded(gradient.row(i) + j);
                const float* from = image.row(i + u) + j;
                for (int v = 0; v < SIDE; ++v) sums[v] += slope * lanes_at(from + v);
            }
        for (int v = 0; v < SIDE; ++v)
            for (int lane = 0; lane < LANES; ++lane) taps[u * SIDE + v] += sums[v][lane];
    }
}

// Call `part` with the number of taps as a constant.
template <typename Part>
int with_side(long side, Part part) {
    switch (side) {
        case 1:
            part(std::integral_constant<int, 1>());
            return 0;
        case 3:
            part(std::integral_constant<int, 3>());
            return 0;
        case 5:
            part(std::integral_constant<int, 5>());
            return 0;
        case 7:
            part(std::integral_constant<int, 7>());
            return 0;
        case 9:
            part(std::integral_constant<int, 9>());
            return 0;
        case 11:
            part(std::integral_constant<int, 11>());
            return 0;
        case 13:
            part(std::integral_constant<int, 13>());
            return 0;
        default:
            return 1;
    }
}
