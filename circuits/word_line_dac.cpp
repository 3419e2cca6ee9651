#include "circuits/word_line_dac.hpp"

#include <algorithm>
#include <cmath>

#include "src/base/error.hpp"

namespace attohm {

void WordLineDacErrors::check(const char* where) const {
    for (const double sigma : {inl_sigma_lsb, gain_sigma, offset_sigma_lsb, noise_sigma_lsb}) {
        if (!(sigma >= 0.0) || !std::isfinite(sigma))
            throw UserError("standard deviation of a word-line DAC's error", where,
                            fmt::format("{}", sigma), "finite and at least 0");
    }
}

WordLineDac::WordLineDac(const WordLineDacErrors& errors, std::size_t rows, int levels,
                         const Stream& statics)
    : errors_(errors), levels_(levels), gain_(rows, 0.0), offset_(rows, 0.0) {
    errors.check("dac");
    ATTOHM_CHECK_LE(1, levels);
    ATTOHM_CHECK_LE(levels, kMaxLevels);
    if (errors.no_statics()) return;
    const auto codes = static_cast<std::size_t>(2 * levels + 1);
    if (errors.inl_sigma_lsb > 0.0) inl_.resize(rows, codes);
    for (std::size_t i = 0; i < rows; ++i) {
        const std::uint64_t base = i * kRowDraws;
        gain_[i] = errors.gain_sigma * statics.normal(base);
        offset_[i] = errors.offset_sigma_lsb * statics.normal(base + 1);
        if (inl_.empty()) continue;
        std::fill_n(inl_.row(i), codes, 0.0F);
        statics.add_normals(base + kInlBase - static_cast<std::uint64_t>(levels),
                            static_cast<float>(errors.inl_sigma_lsb), {inl_.row(i), codes});
    }
}

double WordLineDac::inl(std::size_t row, int code) const {
    ATTOHM_CHECK_LE(-levels_, code);
    ATTOHM_CHECK_LE(code, levels_);
    return inl_.empty() ? 0.0
                        : static_cast<double>(inl_(row, static_cast<std::size_t>(code + levels_)));
}

void WordLineDac::add_statics(MatrixView<const float> codes, MatrixView<float> driven) const {
    ATTOHM_CHECK_EQ(codes.cols, gain_.size());
    ATTOHM_CHECK(driven.rows == codes.rows && driven.cols == codes.cols);
    const auto largest = static_cast<float>(levels_);
    for (std::size_t b = 0; b < codes.rows; ++b) {
        for (std::size_t i = 0; i < codes.cols; ++i) {
            const float asked = codes(b, i);
            double n = static_cast<double>(asked) * (1.0 + gain_[i]) + offset_[i];
            if (!inl_.empty())
                n += inl(i, static_cast<int>(std::nearbyint(std::clamp(asked, -largest, largest))));
            driven(b, i) = static_cast<float>(n);
        }
    }
}

void WordLineDac::add_noise(const Stream& noise, std::uint64_t first,
                            MatrixView<float> driven) const {
    if (errors_.noise_sigma_lsb == 0.0) return;
    const auto sigma = static_cast<float>(errors_.noise_sigma_lsb);
    for (std::size_t b = 0; b < driven.rows; ++b) {
        noise.add_normals((first + b) * driven.cols, sigma, {driven.row(b), driven.cols});
    }
}

}  // namespace attohm
