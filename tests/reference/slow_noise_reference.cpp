#include "tests/reference/slow_noise_reference.hpp"

#include <cmath>

namespace attohm {

namespace {

/// One Ornstein-Uhlenbeck process of unit variance, moved by any time.
class Walker {
  public:
    Walker(double rate, const Stream& stream) : rate_(rate), stream_(stream) { x_ = next(); }
    double value() const { return x_; }
    void move(double t) {
        const double kept = std::exp(-rate_ * t);
        x_ = kept * x_ + std::sqrt(1.0 - kept * kept) * next();
    }

  private:
    double next() { return stream_.normal(index_++); }
    double rate_;
    Stream stream_;
    std::uint64_t index_ = 0;
    double x_ = 0.0;
};

}  // namespace

Matrix<double> slow_noise_reference(const std::vector<SlowComponent>& components,
                                    const std::optional<double>& reference_age,
                                    const SlowReferencePass& pass, const Stream& stream,
                                    std::size_t cells) {
    Matrix<double> y(cells, pass.reads, 0.0);
    const double dt = pass.read_time / pass.steps_per_read;
    for (std::size_t cell = 0; cell < cells; ++cell) {
        for (std::size_t m = 0; m < components.size(); ++m) {
            Walker x(components[m].rate, stream.with({cell, m}));
            double reference = 0.0;
            double now = pass.age;
            if (reference_age) {
                reference = x.value();
                now = *reference_age;
            }
            for (std::size_t s = 0; s < pass.reads; ++s) {
                const double begins = pass.age + static_cast<double>(s) * pass.read_interval;
                if (reference_age && begins <= *reference_age) continue;
                if (begins > now) x.move(begins - now);
                double sum = 0.5 * x.value();
                for (int k = 1; k <= pass.steps_per_read; ++k) {
                    x.move(dt);
                    sum += (k == pass.steps_per_read ? 0.5 : 1.0) * x.value();
                }
                now = begins + pass.read_time;
                y(cell, s) += components[m].sigma * (sum / pass.steps_per_read - reference);
            }
        }
    }
    return y;
}

Matrix<double> telegraph_reference(double rate, double occupancy, const SlowReferencePass& pass,
                                   const Stream& stream, std::size_t traps) {
    Matrix<double> share(traps, pass.reads, 0.0);
    const double dt = pass.read_time / pass.steps_per_read;
    const auto rest = static_cast<int>(std::lround((pass.read_interval - pass.read_time) / dt));
    for (std::size_t trap = 0; trap < traps; ++trap) {
        const Stream draws = stream.with(trap);
        std::uint64_t index = 0;
        bool occupied = draws.uniform32(index++) < occupancy;
        for (std::size_t s = 0; s < pass.reads; ++s) {
            for (int k = 0; k < pass.steps_per_read + rest; ++k) {
                if (k < pass.steps_per_read && occupied)
                    share(trap, s) += 1.0 / pass.steps_per_read;
                const double leave = rate * dt * (occupied ? 1.0 - occupancy : occupancy);
                if (draws.uniform32(index++) < leave) occupied = !occupied;
            }
        }
    }
    return share;
}

}  // namespace attohm
