#pragma once

#include <cstddef>
#include <vector>

#include "crossbar/device/slow_noise.hpp"

namespace attohm {

/// Turns one normal per read into the sum of several slow components, exact in law.
///
/// What a cell shows at read s is y_s = sum_m sigma_m (average of x_m over the read), x_m
/// Ornstein-Uhlenbeck. Only the sum is ever seen, and a Gaussian process is its covariance, so the
/// innovations form of that sum does it with one variate e_s per cell and read, however many
/// components there are:
///     y_s     = sum_m u_m,s + gain_s e_s
///     u_m,s+1 = decay_m u_m,s + step_m,s e_s,    decay_m = e^(-l_m D)
/// u_m,0 = start_m x_m(first read) is given, so that u carries what is known of the start. With
/// x = l T, C = (1 - e^-x) / x and V = 2 (x - 1 + e^-x) / x^2 (both of the average), c = sigma C:
///     start_m = c_m
///     R = sum sigma^2 (V - C^2)              variance of the read given all x_m at its start
///     S_m = sigma_m C_m (1 - e^-x) e^(-l (D - T))   its covariance with x_m at the next start
///     gain^2 = c' P c + R,  k = (decay P c + S) / gain^2,  step = c k gain
///     P <- decay P decay' + diag(1 - decay^2) - k k' gain^2,  P = 0 at the first read
/// which is the Kalman filter of the components seen through their sum (Anderson and Moore, Optimal
/// Filtering, 1979, chapters 5 and 9). T = D and T < D cost the same.
///
/// Units: seconds, 1/s; sigma of dG/G. Not modelled: reads at uneven intervals.
class SlowFilter {
  public:
    SlowFilter(std::vector<SlowComponent> components, const ReadTiming& timing);

    std::size_t size() const { return components_.size(); }
    const std::vector<SlowComponent>& components() const { return components_; }
    /// [size] decay_m and start_m.
    const std::vector<float>& decay() const { return decay_; }
    const std::vector<float>& start() const { return start_; }

    /// gain_s, then step_0,s .. step_(size-1),s, s reads after the start. Found once and kept;
    /// constant from where they no longer change by 1e-12 of themselves.
    /// Valid until the next call.
    const float* gains(std::size_t s);

  private:
    void advance();

    std::vector<SlowComponent> components_;
    std::vector<double> decays_, renewed_, seen_, crossed_;  ///< decay, 1 - decay^2, c, S
    std::vector<double> covariance_;                         ///< P, [size, size]
    std::vector<double> last_;                               ///< gain and steps of the last row
    double residual_ = 0.0;                                  ///< R
    bool settled_ = false;
    std::vector<float> decay_, start_;
    std::vector<float> table_;  ///< rows of 1 + size
};

}  // namespace attohm
