#pragma once

#include <boost/math/distributions/binomial.hpp>
#include <catch2/catch.hpp>
#include <map>
#include <string>

#include "crossbar/fit/statistics.hpp"

namespace attohm::testing {

/// How often intervals at 0.95 held the truth, over seeds; each share has to lie in its own
/// binomial band (0.999, so that one of a dozen quantities strays once in a hundred changes).
class Coverage {
  public:
    void add(const std::string& name, const fit::Bounds& bounds, double truth) {
        auto& [held, all] = counts_[name];
        held += bounds.holds(truth) ? 1 : 0;
        ++all;
    }
    void check() const {
        REQUIRE_FALSE(counts_.empty());
        for (const auto& [name, count] : counts_) {
            const boost::math::binomial_distribution<> law(count.second, fit::kConfidence);
            const double low = boost::math::quantile(law, 0.0005);
            const double high = boost::math::quantile(law, 0.9995);
            INFO(name << ": " << count.first << " of " << count.second << ", band " << low << " to "
                      << high);
            CHECK(count.first >= low);
            CHECK(count.first <= high);
            // A band that reaches down to three quarters judges nothing.
            CHECK(low >= 0.75 * count.second);
        }
    }
    std::string text() const {
        std::string out;
        for (const auto& [name, c] : counts_)
            out += name + " " + std::to_string(c.first) + "/" + std::to_string(c.second) + "; ";
        return out;
    }

  private:
    std::map<std::string, std::pair<int, int>> counts_;
};

}  // namespace attohm::testing
