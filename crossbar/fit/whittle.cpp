#include "crossbar/fit/whittle.hpp"

#include <Eigen/Dense>
#include <cmath>
#include <map>
#include <numbers>

#include "src/base/error.hpp"

namespace attohm::fit {

namespace {

using std::numbers::pi;
using Vector = Eigen::Matrix<double, kSpectralTerms, 1>;
using Matrix4 = Eigen::Matrix<double, kSpectralTerms, kSpectralTerms>;

constexpr double kFoldedSpan = 5.0;  ///< in sampling rates

double sinc2(double x) {
    if (std::abs(x) < 1e-8) return 1.0;
    const double s = std::sin(pi * x) / (pi * x);
    return s * s;
}

double leakage_away_from_one(double j, double g) {
    const double m =
        -0.5 * std::pow(2.0 * pi, g - 1.0) * std::tgamma(1.0 - g) * std::sin(0.5 * pi * g);
    return 1.0 +
           (2.0 * m * std::pow(j, g - 2.0) + 0.5 * pi * g * std::tan(0.5 * pi * g) / j) / (pi * pi);
}

}  // namespace

double leakage(double j, double exponent) {
    // Both terms have a pole at 1 and their sum has none.
    constexpr double kNear = 2e-3;
    if (std::abs(exponent - 1.0) >= kNear) return leakage_away_from_one(j, exponent);
    const double share = (exponent - (1.0 - kNear)) / (2.0 * kNear);
    return (1.0 - share) * leakage_away_from_one(j, 1.0 - kNear) +
           share * leakage_away_from_one(j, 1.0 + kNear);
}

FoldedPower folded_power(double frequency, double exponent, double spacing, double integration) {
    FoldedPower power;
    const double rate = 1.0 / spacing;
    power.first = std::pow(frequency, -exponent) * sinc2(frequency * integration);
    for (int k = -5; k <= 5; ++k) {
        const double f = std::abs(frequency + k * rate);
        if (k == 0 || f > kFoldedSpan * rate) continue;
        power.others += std::pow(f, -exponent) * sinc2(f * integration);
    }
    return power;
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
                                       double integration_s)
    : records_(&records), spacing_(spacing_s), integration_(integration_s) {
    std::size_t most = 0;
    for (const ReadRecord& r : records) most = std::max(most, r.relative.size());
    // Middle of the lower half of the band, on a log scale: where 1/f stands above white.
    const double low = 1.0 / (static_cast<double>(most) * spacing_), high = 0.5 / spacing_;
    reference_ = std::pow(low, 0.75) * std::pow(high, 0.25);
}

SpectralLikelihood::Shape SpectralLikelihood::shape_of(double exponent, std::size_t samples,
                                                       bool with_slope) const {
    const auto power_at = [&](std::size_t j, double g) {
        const double f = static_cast<double>(j) / (static_cast<double>(samples) * spacing_);
        const FoldedPower p = folded_power(f, g, spacing_, integration_);
        return p.first * leakage(static_cast<double>(j), g) + p.others;
    };
    Shape shape;
    constexpr double kStep = 1e-4;
    for (std::size_t j = 1; 2 * j < samples; ++j) {
        shape.power.push_back(power_at(j, exponent));
        if (with_slope)
            shape.slope.push_back((power_at(j, exponent + kStep) - power_at(j, exponent - kStep)) /
                                  (2.0 * kStep));
    }
    return shape;
}

SpectralLikelihood::Score SpectralLikelihood::score_of(const SpectralLaw& law,
                                                       bool by_record) const {
    std::map<std::size_t, Shape> shapes;
    if (law.slow)
        for (const ReadRecord& r : *records_)
            if (shapes.find(r.relative.size()) == shapes.end())
                shapes[r.relative.size()] = shape_of(law.exponent, r.relative.size(), true);
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
