// The functions that Python calls, one step of the network each. What each computes is said, with
// shapes, by its caller in native/calls.py. All arrays are float32 and contiguous.

#pragma once

#include <cstdint>

extern "C" {

void standardize(const float* x, float* out, const std::uint8_t* kinds, const float* fixed_mean,
                 const float* fixed_variance, float* means, float* variances, long B, long C,
                 long N, int activated, int threads);

void standardize_gradient(const float* x, const float* gradient, float* out,
                          const std::uint8_t* kinds, const float* means, const float* variances,
                          long B, long C, long N, int activated, int threads);

void gated_unit(const float* both, const float* bias, float* out, float* means, float* variances,
                long B, long C, long N, int threads);

void gated_unit_gradient(const float* both, const float* bias, const float* gradient, float* out,
                         float* of_bias, const float* means, const float* variances, long B, long C,
                         long N, int threads);

int convolve(const float* values, const float* kernels, float* out, long B, long C, long H, long W,
             long height, long side, int per_sample, int threads);

int convolve_gradient(const float* values, const float* gradient, float* out, long B, long C,
                      long H, long W, long height, long side, int per_sample, int threads);

void mix(const float* kernel, const float* values, float* out, long maps, long H, long W,
         int threads);

void mix_gradient(const float* kernel, const float* values, const float* gradient, float* of_kernel,
                  float* of_values, long maps, long H, long W, int threads);

void gate(const float* of_channels, const float* of_positions, const float* x, float* out, long B,
          long C, long N, int threads);

void gate_gradient(const float* of_channels, const float* of_positions, const float* x,
                   const float* gradient, float* out_channels, float* out_positions, float* out,
                   long B, long C, long N, int threads);

void pool(const float* values, const float* of_rows, const float* of_columns, float* out, long B,
          long C, long H, long W, long rows, long columns, int summed, int threads);

int lanes();

int tile_rows();

void pack(const float* weights, float* panels, long M, long K, long row_step, long column_step,
          int threads);

void linear(const float* weights, const float* values, float* out, long B, long M, long K, long N,
            int add, int threads);

void linear_unpacked(const float* weights, const float* values, float* out, long B, long M, long K,
                     long N, long row_step, long column_step, int threads);

}  // extern "C"
