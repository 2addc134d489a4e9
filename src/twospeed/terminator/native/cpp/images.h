// Depthwise correlation of images with small kernels, and the gradient of the kernels.

#pragma once

#include <type_traits>
#include <vector>

#include "lanes.h"

// Rows are short: a call of memcpy would take as long as the copy.
inline void copy_row(const float* from, float* to, long count) {
    long j = 0;
    for (; j + LANES <= count; j += LANES) put(to + j, lanes_at(from + j));
    for (; j + 4 <= count; j += 4) put<4>(to + j, lanes_at<4>(from + j));
    for (; j < count; ++j) to[j] = from[j];
}

// An image with zeros around it, its rows so far apart that whole lanes can be read from each.
class Padded {
   public:
    const long width, pitch;

    Padded(long H, long W, long rows, long columns, int lanes)
        : width((W + lanes - 1) / lanes * lanes),
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
    Floats values_;
};

// One input row to ROWS output rows below each other, of which the first has tap row `taps`. Taps
// go to PARTS sums by turns: eight or more sums hide the wait of each.
template <int WIDTH, int SIDE, int ROWS, int BLOCKS, int PARTS>
inline void add_row(const float* row, const float* taps, Few<WIDTH> (*sums)[BLOCKS][PARTS]) {
#pragma GCC unroll 13
    for (int v = 0; v < SIDE; ++v)
#pragma GCC unroll 4
        for (int q = 0; q < BLOCKS; ++q) {
            const Few<WIDTH> value = loaded<WIDTH>(row + v + q * WIDTH);
            for (int r = 0; r < ROWS; ++r) sums[r][q][v % PARTS] += taps[v - r * SIDE] * value;
        }
}

// Two output rows at once: a value that is read serves both. BLOCKS vectors of each.
template <int WIDTH, int SIDE, int BLOCKS>
inline void convolve_lanes(const float* padded, long pitch, const float* taps, long height,
                           float* out, float* next) {
    constexpr int PARTS = 4 / BLOCKS;
    Few<WIDTH> sums[2][BLOCKS][PARTS] = {};
    add_row<WIDTH, SIDE, 1, BLOCKS, PARTS>(padded, taps, sums);
    for (long u = 1; u < height; ++u)
        add_row<WIDTH, SIDE, 2, BLOCKS, PARTS>(padded + u * pitch, taps + u * SIDE, sums);
    add_row<WIDTH, SIDE, 1, BLOCKS, PARTS>(padded + height * pitch, taps + (height - 1) * SIDE,
                                           sums + 1);
    for (int r = 0; r < 2; ++r)
        for (int q = 0; q < BLOCKS; ++q) {
            Few<WIDTH> sum = sums[r][q][0];
            for (int part = 1; part < PARTS; ++part) sum += sums[r][q][part];
            put<WIDTH>((r == 0 ? out : next) + q * WIDTH, sum);
        }
}

// `lines` holds two rows for where the image has none, or none that take whole lanes.
template <int WIDTH, int SIDE>
void convolve_image(const Padded& image, const float* taps, long height, float* out, long H, long W,
                    float* lines) {
    const bool whole = image.width == W;
    for (long i = 0; i < H; i += 2) {
        const bool two = i + 1 < H;
        float* first = whole ? out + i * W : lines;
        float* second = whole && two ? first + W : lines + image.width;
        const float* from = image.row(i);
        long j = 0;
        for (; j + 4 * WIDTH <= image.width; j += 4 * WIDTH)
            convolve_lanes<WIDTH, SIDE, 4>(from + j, image.pitch, taps, height, first + j,
                                           second + j);
        for (; j + 2 * WIDTH <= image.width; j += 2 * WIDTH)
            convolve_lanes<WIDTH, SIDE, 2>(from + j, image.pitch, taps, height, first + j,
                                           second + j);
        for (; j < image.width; j += WIDTH)
            convolve_lanes<WIDTH, SIDE, 1>(from + j, image.pitch, taps, height, first + j,
                                           second + j);
        if (!whole) copy_row(first, out + i * W, W);
        if (!whole && two) copy_row(second, out + (i + 1) * W, W);
    }
}

// Add to each tap the sum over positions of gradient times the value that the tap met there.
template <int WIDTH, int SIDE>
inline void correlate_image(const Padded& image, const Padded& gradient, long height, long H,
                            float* taps) {
    for (long u = 0; u < height; ++u) {
        Few<WIDTH> sums[SIDE] = {};
        for (long i = 0; i < H; ++i)
            for (long j = 0; j < image.width; j += WIDTH) {
                const Few<WIDTH> slope = loaded<WIDTH>(gradient.row(i) + j);
                const float* from = image.row(i + u) + j;
                for (int v = 0; v < SIDE; ++v) sums[v] += slope * lanes_at<WIDTH>(from + v);
            }
        for (int v = 0; v < SIDE; ++v)
            for (int lane = 0; lane < WIDTH; ++lane) taps[u * SIDE + v] += sums[v][lane];
    }
}

// Call `part` with the number of taps, and of the lanes for rows of `W`, as constants.
template <typename Part>
int with_side(long side, long W, Part part) {
    const auto with_width = [&](auto taps) {
        if (W > HALF)
            part(taps, std::integral_constant<int, LANES>());
        else
            part(taps, std::integral_constant<int, HALF>());
        return 0;
    };
    switch (side) {
        case 1:
            return with_width(std::integral_constant<int, 1>());
        case 3:
            return with_width(std::integral_constant<int, 3>());
        case 5:
            return with_width(std::integral_constant<int, 5>());
        case 7:
            return with_width(std::integral_constant<int, 7>());
        case 9:
            return with_width(std::integral_constant<int, 9>());
        case 11:
            return with_width(std::integral_constant<int, 11>());
        case 13:
            return with_width(std::integral_constant<int, 13>());
        default:
            return 1;
    }
}
