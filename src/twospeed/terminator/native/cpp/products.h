// Products of small matrices, and of a weight with the channels of a map.

#pragma once

#include <algorithm>
#include <cstring>
#include <vector>

#include "lanes.h"

// A few rows of a·b, BLOCKS vectors of each; b has rows of `pitch` numbers.
template <int WIDTH, int ROWS, int BLOCKS>
inline void product_lanes(const float* a, long a_pitch, const float* b, long pitch, long depth,
                          float* out) {
    Few<WIDTH> sums[ROWS][BLOCKS] = {};
    for (long k = 0; k < depth; ++k)
        for (int q = 0; q < BLOCKS; ++q) {
            const Few<WIDTH> value = loaded<WIDTH>(b + k * pitch + q * WIDTH);
            for (int r = 0; r < ROWS; ++r) sums[r][q] += a[r * a_pitch + k] * value;
        }
    for (int r = 0; r < ROWS; ++r)
        for (int q = 0; q < BLOCKS; ++q) put<WIDTH>(out + r * pitch + q * WIDTH, sums[r][q]);
}

// A few rows of a·b of any number of columns.
template <int WIDTH, int ROWS>
inline void product_band(const float* a, const float* b, long depth, long columns, float* out) {
    long j = 0;
    if constexpr (ROWS <= 3)
        for (; j + 4 * WIDTH <= columns; j += 4 * WIDTH)
            product_lanes<WIDTH, ROWS, 4>(a, depth, b + j, columns, depth, out + j);
    for (; j + 2 * WIDTH <= columns; j += 2 * WIDTH)
        product_lanes<WIDTH, ROWS, 2>(a, depth, b + j, columns, depth, out + j);
    for (; j + WIDTH <= columns; j += WIDTH)
        product_lanes<WIDTH, ROWS, 1>(a, depth, b + j, columns, depth, out + j);
    if (j < columns && columns >= WIDTH) {  // the last lanes once more, a few of them twice
        j = columns - WIDTH;
        product_lanes<WIDTH, ROWS, 1>(a, depth, b + j, columns, depth, out + j);
        return;
    }
    for (; j < columns; ++j)
        for (int r = 0; r < ROWS; ++r) {
            float sum = 0;
            for (long k = 0; k < depth; ++k) sum += a[r * depth + k] * b[k * columns + j];
            out[r * columns + j] = sum;
        }
}

template <int WIDTH>
inline void product_bands(const float* a, const float* b, long rows, long depth, long columns,
                          float* out) {
    long i = 0;
    for (; columns < 4 * WIDTH && i + 6 <= rows; i += 6)
        product_band<WIDTH, 6>(a + i * depth, b, depth, columns, out + i * columns);
    for (; i + 3 <= rows; i += 3)
        product_band<WIDTH, 3>(a + i * depth, b, depth, columns, out + i * columns);
    for (; i < rows; ++i)
        product_band<WIDTH, 1>(a + i * depth, b, depth, columns, out + i * columns);
}

// out = a·b for small matrices: (rows, depth) times (depth, columns).
inline void small_product(const float* a, const float* b, long rows, long depth, long columns,
                          float* out) {
    if (columns >= LANES) return product_bands<LANES>(a, b, rows, depth, columns, out);
    if (columns >= HALF) return product_bands<HALF>(a, b, rows, depth, columns, out);
    product_bands<4>(a, b, rows, depth, columns, out);
}

inline void transpose(const float* from, long rows, long columns, float* to) {
    for (long j = 0; j < columns; ++j)
        for (long i = 0; i < rows; ++i) to[j * rows + i] = from[i * columns + j];
}

// A weight times a map, several of which are summed. Weights lie in panels of TILE_ROWS rows, depth
// by depth.
constexpr int TILE_ROWS = 6, TILE_COLUMNS = 2 * LANES;

// Rows of a weight of `M` rows in panels, zeros behind the last.
inline long whole_panels(long M) { return (M + TILE_ROWS - 1) / TILE_ROWS * TILE_ROWS; }

// So many columns are multiplied before the next ones: inputs and outputs of them fit a cache.
constexpr long BLOCK = 128;

struct Term {
    const float* weights;
    const float* values;  // (depth, N)
    long depth;
};

// Write or add a tile whose sums are in registers; `rows` and `columns` of it exist.
inline void store_tile(const Lanes (*sums)[2], float* out, long pitch, long rows, long columns,
                       bool add) {
    float tile[TILE_ROWS][TILE_COLUMNS];
    std::memcpy(tile, sums, sizeof tile);
    for (long r = 0; r < rows; ++r)
        for (long j = 0; j < columns; ++j)
            out[r * pitch + j] = tile[r][j] + (add ? out[r * pitch + j] : 0.0f);
}

inline void product_tile(const float* weights, const float* panel, long depth, float* out,
                         long pitch, long rows, long columns, bool add) {
    Lanes sums[TILE_ROWS][2] = {};
    for (long k = 0; k < depth; ++k) {
        const Lanes first = loaded(panel + k * TILE_COLUMNS);
        const Lanes second = loaded(panel + k * TILE_COLUMNS + LANES);
#pragma GCC unroll 6
        for (int r = 0; r < TILE_ROWS; ++r) {
            sums[r][0] += weights[k * TILE_ROWS + r] * first;
            sums[r][1] += weights[k * TILE_ROWS + r] * second;
        }
    }
    if (rows < TILE_ROWS || columns < TILE_COLUMNS)
        return store_tile(sums, out, pitch, rows, columns, add);
#pragma GCC unroll 6
    for (int r = 0; r < TILE_ROWS; ++r)
        for (int half = 0; half < 2; ++half) {
            float* to = out + r * pitch + half * LANES;
            put(to, add ? lanes_at(to) + sums[r][half] : sums[r][half]);
        }
}

// Copy columns [first, first + columns) of a (depth, N) map into panels of TILE_COLUMNS.
inline void fill_panels(const float* values, long depth, long N, long first, long columns,
                        float* panels) {
    for (long j = 0; j < columns; j += TILE_COLUMNS) {
        const long width = std::min<long>(TILE_COLUMNS, columns - j);
        for (long k = 0; k < depth; ++k) {
            float* to = panels + j * depth + k * TILE_COLUMNS;
            const float* from = values + k * N + first + j;
            if (width == TILE_COLUMNS) {
                put(to, lanes_at(from));
                put(to + LANES, lanes_at(from + LANES));
            } else {
                std::fill(to, to + TILE_COLUMNS, 0.0f);
                std::memcpy(to, from, width * sizeof(float));
            }
        }
    }
}

// One block of columns of the sum over terms of weights times values, (M, N), written or added.
inline void sum_block(const Term* terms, int count, float* out, long M, long N, long block,
                      bool add, Floats& panels) {
    const long first = block * BLOCK, columns = std::min(BLOCK, N - first);
    for (int t = 0; t < count; ++t) {
        const Term& term = terms[t];
        panels.resize(term.depth * BLOCK);
        fill_panels(term.values, term.depth, N, first, columns, panels.data());
        for (long i = 0; i < M; i += TILE_ROWS)
            for (long j = 0; j < columns; j += TILE_COLUMNS)
                product_tile(term.weights + i * term.depth, panels.data() + j * term.depth,
                             term.depth, out + i * N + first + j, N,
                             std::min<long>(TILE_ROWS, M - i),
                             std::min<long>(TILE_COLUMNS, columns - j), add || t > 0);
    }
}

// The sum over terms of weights times values for one sample.
inline void sum_of_products(const Term* terms, int count, float* out, long M, long N, bool add,
                            int threads) {
#pragma omp parallel num_threads(threads)
    {
        Floats panels;
#pragma omp for schedule(static)
        for (long block = 0; block < (N + BLOCK - 1) / BLOCK; ++block)
            sum_block(terms, count, out, M, N, block, add, panels);
    }
}

// Room for one thread, kept from call to call: fresh memory would be mapped page by page each time.
template <int SLOT>
float* room_for(std::size_t count) {
    thread_local Floats kept;
    if (kept.size() < count) kept.resize(count);
    return kept.data();
}
