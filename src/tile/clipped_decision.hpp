#pragma once

namespace attohm {

/// P(clip(X, -limit, limit) + Y >= threshold) with X ~ N(mean, sigma_x^2) the sensed output and
/// Y ~ N(0, sigma_y^2) the comparator's noise; a tie counts. Absolute error below 1e-6.
double clipped_keep_probability(double mean, double sigma_x, double sigma_y, double limit,
                                double threshold);

}  // namespace attohm
