#include "crossbar/fit/whittle.hpp"

#include <Eigen/Dense>
#include <algorithm>
#include <cmath>
#include <complex>
#include <numbers>

#include "src/base/error.hpp"

namespace attohm::fit {

namespace {

using std::numbers::pi;
using Vector = Eigen::Matrix<double, kSpectralTerms, 1>;
using Matrix4 = Eigen::Matrix<double, kSpectralTerms, kSpectralTerms>;

SlowNoise ladder_of(double exponent, const Bounds& band) {
    SlowNoise noise;
    noise.amplitude_rel2 = 1.0;
    noise.exponent = exponent;
    noise.f_low = Hertz::from_value(band.low);
    noise.f_high = Hertz::from_value(band.high);
    return noise;
}

}  // namespace

double component_periodogram(double frequency, double rate, double spacing, double integration,
                             std::size_t samples) {
    const double x = rate * integration;
    double same = 1.0, other = 1.0;
    if (x > 1e-4) {
        same = 2.0 * (x + std::expm1(-x)) / (x * x);
        // Beyond this q^n cosh(x) is nothing, as integration <= spacing; together they stay finite.
        const double half = std::sinh(0.5 * std::min(x, 600.0));
        other = 4.0 * half * half / (x * x);
    }
    const double n = static_cast<double>(samples);
    const double q = std::exp(-rate * spacing);
    double sum = 0.0;
    if (x < 600.0) {
        const std::complex<double> z = std::polar(q, 2.0 * pi * frequency * spacing);
        const std::complex<double> one(1.0, 0.0),
            power = std::polar(std::exp(-rate * spacing * n), 2.0 * pi * frequency * spacing * n);
        sum = (z / (one - z) * (one - (one - power) / (n * (one - z)))).real();
    }
    return 2.0 * spacing * (same + 2.0 * other * sum);
}

double ladder_periodogram(const SlowNoise& noise, double frequency, double spacing,
                          double integration, std::size_t samples) {
    double sum = 0.0;
    for (const SlowComponent& c : noise.components())
        sum += c.sigma * c.sigma *
               component_periodogram(frequency, c.rate, spacing, integration, samples);
    return sum;
}

/// Spectrum of the 1/f part at A = 1, and its derivative by g.
struct SpectralLikelihood::Shape {
    std::vector<double> power, slope;
};

struct SpectralLikelihood::Score {
    double log_likelihood = 0.0;
    Vector gradient = Vector::Zero();
    Matrix4 information = Matrix4::Zero();
    Matrix4 between = Matrix4::Zero();  ///< sum over records of their gradients' squares
};

SpectralLikelihood::SpectralLikelihood(const std::vector<ReadRecord>& records, double spacing_s,
                                       double integration_s, const Bounds& band_Hz)
    : records_(&records), spacing_(spacing_s), band_(band_Hz) {
    // On a log scale a quarter up the band: where 1/f stands above white.
    reference_ = std::pow(band_.low, 0.75) * std::pow(band_.high, 0.25);
    const std::vector<SlowComponent> ladder = ladder_of(1.0, band_).components();
    for (const ReadRecord& r : records) {
        const std::size_t n = r.relative.size();
        const auto [at, fresh] = units_.try_emplace(n);
        if (!fresh) continue;
        for (const SlowComponent& c : ladder) {
            at->second.emplace_back();
            for (std::size_t j = 1; 2 * j < n; ++j) {
                const double f = static_cast<double>(j) / (static_cast<double>(n) * spacing_);
                at->second.back().push_back(
                    component_periodogram(f, c.rate, spacing_, integration_s, n));
            }
        }
    }
}

SpectralLikelihood::Shape SpectralLikelihood::shape_of(double exponent, std::size_t samples) const {
    constexpr double kStep = 1e-5;
    const auto at = ladder_of(exponent, band_).components();
    const auto above = ladder_of(exponent + kStep, band_).components();
    const auto below = ladder_of(exponent - kStep, band_).components();
    const auto& units = units_.at(samples);
    ATTOHM_CHECK_EQ(at.size(), units.size());
    Shape shape;
    shape.power.assign(units.front().size(), 0.0);
    shape.slope.assign(units.front().size(), 0.0);
    for (std::size_t m = 0; m < units.size(); ++m) {
        const double variance = at[m].sigma * at[m].sigma;
        const double slope =
            (above[m].sigma * above[m].sigma - below[m].sigma * below[m].sigma) / (2.0 * kStep);
        for (std::size_t j = 0; j < units[m].size(); ++j) {
            shape.power[j] += variance * units[m][j];
            shape.slope[j] += slope * units[m][j];
        }
    }
    return shape;
}

SpectralLikelihood::Score SpectralLikelihood::score_of(const SpectralLaw& law,
                                                       bool by_record) const {
    std::map<std::size_t, Shape> shapes;
    if (law.slow)
        for (const auto& [samples, units] : units_)
            shapes.emplace(samples, shape_of(law.exponent, samples));
    Score total;
    const double log_reference = std::log(reference_);
    for (const ReadRecord& r : *records_) {
        const Shape* shape = law.slow ? &shapes[r.relative.size()] : nullptr;
        const double rel = law.relative ? 2.0 * spacing_ * law.rel2 : 0.0;
        const double abs = law.absolute ? 2.0 * spacing_ * law.abs2 / (r.mean_uS * r.mean_uS) : 0.0;
        Vector gradient = Vector::Zero();
        for (std::size_t j = 0; j < r.periodogram.size(); ++j) {
            const double slow = shape ? law.amplitude * shape->power[j] : 0.0;
            const double s = slow + rel + abs;
            Vector d;
            // At a fixed A f_ref^-g, A itself moves with g.
            d << slow / s,
                shape ? law.amplitude * shape->slope[j] / s + log_reference * slow / s : 0.0,
                rel / s, abs / s;
            const double ratio = r.periodogram[j] / s;
            total.log_likelihood -= std::log(s) + ratio;
            gradient += (ratio - 1.0) * d;
            total.information.noalias() += d * d.transpose();
        }
        total.gradient += gradient;
        if (by_record) total.between.noalias() += gradient * gradient.transpose();
    }
    return total;
}

namespace {

/// Terms that are in: the others keep row and column of the identity.
Matrix4 with_terms(const Matrix4& full, const SpectralLaw& law) {
    Matrix4 out = full;
    const std::array<bool, kSpectralTerms> in = {law.slow, law.slow, law.relative, law.absolute};
    for (std::size_t i = 0; i < kSpectralTerms; ++i) {
        if (in[i]) continue;
        const auto k = static_cast<Eigen::Index>(i);
        out.row(k).setZero();
        out.col(k).setZero();
        out(k, k) = 1.0;
    }
    return out;
}

SpectralLaw moved(const SpectralLaw& law, const Vector& step, double reference) {
    SpectralLaw out = law;
    const double limit = 1.5;
    const auto factor = [&](double x) { return std::exp(std::clamp(x, -limit, limit)); };
    if (law.slow) {
        const double at_reference = law.amplitude * std::pow(reference, -law.exponent);
        out.exponent =
            std::clamp(law.exponent + std::clamp(step(1), -0.2, 0.2),
                       SpectralLikelihood::kExponentLow, SpectralLikelihood::kExponentHigh);
        out.amplitude = at_reference * factor(step(0)) * std::pow(reference, out.exponent);
    }
    if (law.relative) out.rel2 *= factor(step(2));
    if (law.absolute) out.abs2 *= factor(step(3));
    return out;
}

/// Spread of the records' gradients over the information, per term, and whether it is significant:
/// each term's ratio has mean 1 and variance about 2 / records.
void judge_records(const Matrix4& information, const Matrix4& between, std::size_t records,
                   SpectralFit& fit) {
    constexpr std::size_t kLeastRecords = 20;
    double ratio = 0.0;
    int terms = 0;
    const std::array<bool, kSpectralTerms> in = {fit.law.slow, fit.law.slow, fit.law.relative,
                                                 fit.law.absolute};
    for (std::size_t i = 0; i < kSpectralTerms; ++i) {
        const auto k = static_cast<Eigen::Index>(i);
        if (!in[i] || information(k, k) <= 0.0) continue;
        ratio += between(k, k) / information(k, k);
        ++terms;
    }
    if (terms == 0 || records < kLeastRecords) return;
    fit.excess = ratio / terms;
    // Terms share their records, so the mean is as uncertain as one of them.
    fit.by_cells = chi_square_tail(fit.excess * static_cast<double>(records),
                                   static_cast<double>(records)) < kSignificance;
}

}  // namespace

SpectralFit SpectralLikelihood::maximise(SpectralLaw start) const {
    constexpr int kRounds = 200;
    constexpr double kTolerance = 1e-9;
    SpectralFit fit;
    fit.reference_Hz = reference_;
    SpectralLaw law = start;
    Score score = score_of(law, false);
    double damping = 1e-3;
    for (int round = 0; round < kRounds && damping < 1e12; ++round) {
        Matrix4 system = with_terms(score.information, law);
        for (Eigen::Index k = 0; k < system.rows(); ++k) system(k, k) *= 1.0 + damping;
        const Vector step = system.ldlt().solve(score.gradient);
        const SpectralLaw next = moved(law, step, reference_);
        const Score tried = score_of(next, false);
        if (!(tried.log_likelihood >= score.log_likelihood)) {
            damping = std::max(damping * 8.0, 1e-6);
            continue;
        }
        const double gain = tried.log_likelihood - score.log_likelihood;
        law = next;
        score = tried;
        damping *= 0.1;
        if (gain < kTolerance && step.cwiseAbs().maxCoeff() < 1e-5) break;
    }
    fit.law = law;
    fit.log_likelihood = score.log_likelihood;
    score = score_of(law, true);
    const Matrix4 inverse = with_terms(score.information, law).inverse();
    judge_records(score.information, score.between, records_->size(), fit);
    const Matrix4 covariance = fit.by_cells ? Matrix4(inverse * score.between * inverse) : inverse;
    for (std::size_t i = 0; i < kSpectralTerms; ++i)
        for (std::size_t j = 0; j < kSpectralTerms; ++j)
            fit.covariance[i][j] =
                covariance(static_cast<Eigen::Index>(i), static_cast<Eigen::Index>(j));
    return fit;
}

}  // namespace attohm::fit
