#pragma once

#include <span>
#include <vector>

#include "src/base/matrix.hpp"

/// Transforms in stages: the DFT of any length and butterfly products.
namespace attohm {

/// Unnormalised: X_k = sum_t x_t e^(-2 pi i k t / n), by the factors of n (Stockham's order): time
/// n times the sum of the prime factors, so a large prime is slow and not wrong. In double.
class Dft {
  public:
    explicit Dft(std::size_t n);
    std::size_t length() const { return re_.size(); }
    /// Signals side by side, in place. Args: re, im: [n, signals].
    void run(Matrix<double>& re, Matrix<double>& im) const;

  private:
    std::vector<double> re_, im_;  ///< e^(-2 pi i t / n)
    std::vector<std::size_t> factors_;
};

/// y = Re(DFT over rows of DFT over columns of x). Args: x, y: [N, D]; y may be x.
void mix_tokens(MatrixView<const float> x, MatrixView<float> y);

/// `copies` butterflies of `length` = 2^m side by side. In a stage of stride s the elements p and
/// p + s of every block of 2 s become w00 x_p + w01 x_(p+s) and w10 x_p + w11 x_(p+s).
struct ButterflyLayer {
    /// [copies, m, length / 2, 2, 2]: stages in the order in which they run; pairs by their first
    /// element.
    std::span<const float> weights;
    std::size_t copies = 1;
    std::size_t length = 2;
    bool widening = false;  ///< strides 1, 2, 4, ...; else length / 2, length / 4, ...

    std::size_t stages() const;
};

/// y = first columns of [B_0 x, B_1 x, ...] + b, x padded with zeros. Sums in double.
/// Args: x: [N, <= length]; b: [columns of y] or empty; y: [N, <= copies length].
void butterfly_product(const ButterflyLayer& layer, MatrixView<const float> x,
                       std::span<const float> b, MatrixView<float> y);

}  // namespace attohm
