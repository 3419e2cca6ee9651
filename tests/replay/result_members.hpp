#pragma once

#include <fmt/format.h>

#include <array>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "src/replay/result.hpp"

/// Every member of a result, spelled out by structured bindings: a member that is added and not
/// listed here does not compile. `visit(a, b)` walks two results side by side.
namespace attohm::test {

template <class T>
struct IsVector : std::false_type {};
template <class T>
struct IsVector<std::vector<T>> : std::true_type {};
template <class T>
struct IsOptional : std::false_type {};
template <class T>
struct IsOptional<std::optional<T>> : std::true_type {};
template <class T>
struct IsArray : std::false_type {};
template <class T, std::size_t N>
struct IsArray<std::array<T, N>> : std::true_type {};
template <class T>
struct IsQuantity : std::false_type {};
template <class Unit>
struct IsQuantity<boost::units::quantity<Unit, double>> : std::true_type {};

/// Calls f with every member.
template <class F>
void members(Fidelity& x, F f) {
    auto& [a, b, c, d, e] = x;
    f(a), f(b), f(c), f(d), f(e);
}
template <class F>
void members(DecisionCounts& x, F f) {
    auto& [a, b, c, d, e, g, h, i, j, k, l, m, n, o, p, q, r, s, t] = x;
    f(a), f(b), f(c), f(d), f(e), f(g), f(h), f(i), f(j), f(k), f(l), f(m), f(n), f(o), f(p), f(q),
        f(r), f(s), f(t);
}
template <class F>
void members(HeadEvents& x, F f) {
    auto& [a, b, c, d, e, g, h, i, j, k, l, m, n, o, p, q, r, s, t, u, v, w, y, z, a2] = x;
    f(a), f(b), f(c), f(d), f(e), f(g), f(h), f(i), f(j), f(k), f(l), f(m), f(n), f(o), f(p), f(q),
        f(r), f(s), f(t), f(u), f(v), f(w), f(y), f(z), f(a2);
}
template <class F>
void members(ScoreEye& x, F f) {
    auto& [a, b, c, d] = x;
    f(a), f(b), f(c), f(d);
}
template <class F>
void members(ColumnProfile& x, F f) {
    auto& [a, b, c] = x;
    f(a), f(b), f(c);
}
template <class F>
void members(HeadReport& x, F f) {
    auto& [a, b, c, d, e, g, h, i, j, k, l, m, n, o, p, q, r, s, t, u, v, w, y, z, a2, b2, c2, d2,
           e2, g2, h2] = x;
    f(a), f(b), f(c), f(d), f(e), f(g), f(h), f(i), f(j), f(k), f(l), f(m), f(n), f(o), f(p), f(q),
        f(r), f(s), f(t), f(u), f(v), f(w), f(y), f(z), f(a2), f(b2), f(c2), f(d2), f(e2), f(g2),
        f(h2);
}
template <class F>
void members(HeadSummary& x, F f) {
    auto& [a, b, c] = x;
    f(a), f(b), f(c);
}
template <class F>
void members(TokenScores& x, F f) {
    auto& [a, b, c, d, e, g, h, i, j] = x;
    f(a), f(b), f(c), f(d), f(e), f(g), f(h), f(i), f(j);
}
template <class F>
void members(NodeOutcome& x, F f) {
    auto& [a, b, c, d, e] = x;
    f(a), f(b), f(c), f(d), f(e);
}
template <class F>
void members(SampleOutcome& x, F f) {
    auto& [a, b, c, d, e, g, h, i, j, k, l, m, n, o, p] = x;
    f(a), f(b), f(c), f(d), f(e), f(g), f(h), f(i), f(j), f(k), f(l), f(m), f(n), f(o), f(p);
}
template <class F>
void members(LanguageScore& x, F f) {
    auto& [a, b, c, d, e, g, h, i, j, k, l, m, n, o] = x;
    f(a), f(b), f(c), f(d), f(e), f(g), f(h), f(i), f(j), f(k), f(l), f(m), f(n), f(o);
}
template <class F>
void members(Interval& x, F f) {
    auto& [a, b, c] = x;
    f(a), f(b), f(c);
}
template <class F>
void members(Accuracy& x, F f) {
    auto& [a, b, c, d, e, g, h] = x;
    f(a), f(b), f(c), f(d), f(e), f(g), f(h);
}
template <class F>
void members(CountTotal& x, F f) {
    auto& [a, b, c, d, e] = x;
    f(a), f(b), f(c), f(d), f(e);
}
template <class F>
void members(MeasuredTotal& x, F f) {
    auto& [a, b, c, d] = x;
    f(a), f(b), f(c), f(d);
}
template <class F>
void members(ResourceTotal& x, F f) {
    auto& [a, b, c, d, e, g, h] = x;
    f(a), f(b), f(c), f(d), f(e), f(g), f(h);
}
template <class F>
void members(TrafficTotal& x, F f) {
    auto& [a, b, c, d, e] = x;
    f(a), f(b), f(c), f(d), f(e);
}
template <class F>
void members(LayerTime& x, F f) {
    auto& [a, b, c, d] = x;
    f(a), f(b), f(c), f(d);
}
template <class F>
void members(AreaLine& x, F f) {
    auto& [a, b, c, d] = x;
    f(a), f(b), f(c), f(d);
}
template <class F>
void members(PlanSummary& x, F f) {
    auto& [a, b, c, d, e, g, h, i, j, k, l, m, n, o] = x;
    f(a), f(b), f(c), f(d), f(e), f(g), f(h), f(i), f(j), f(k), f(l), f(m), f(n), f(o);
}
template <class F>
void members(LedgerLine& x, F f) {
    auto& [a, b, c, d, e, g, h, i, j, k, l, m] = x;
    f(a), f(b), f(c), f(d), f(e), f(g), f(h), f(i), f(j), f(k), f(l), f(m);
}
template <class F>
void members(PricedPlan& x, F f) {
    auto& [a, b, c, d, e] = x;
    f(a), f(b), f(c), f(d), f(e);
}
template <class F>
void members(BreakEven& x, F f) {
    auto& [a, b, c, d] = x;
    f(a), f(b), f(c), f(d);
}
template <class F>
void members(EnergyGain& x, F f) {
    auto& [a, b, c, d] = x;
    f(a), f(b), f(c), f(d);
}
template <class F>
void members(Gain& x, F f) {
    auto& [a, b, c, d, e, g, h] = x;
    f(a), f(b), f(c), f(d), f(e), f(g), f(h);
}
template <class F>
void members(EnergyOptions& x, F f) {
    auto& [a, b, c] = x;
    f(a), f(b), f(c);
}
template <class F>
void members(Pricing& x, F f) {
    auto& [a, b, c, d] = x;
    f(a), f(b), f(c), f(d);
}
template <class F>
void members(MachineFact& x, F f) {
    auto& [a, b, c, d] = x;
    f(a), f(b), f(c), f(d);
}
template <class F>
void members(MachineOutcome& x, F f) {
    auto& [a, b, c, d, e, g, h, i, j, k, l, m, n, o, p] = x;
    f(a), f(b), f(c), f(d), f(e), f(g), f(h), f(i), f(j), f(k), f(l), f(m), f(n), f(o), f(p);
}
template <class F>
void members(std::pair<std::string, std::string>& x, F f) {
    f(x.first), f(x.second);
}
template <class F>
void members(NetworkSize& x, F f) {
    f(x.weights), f(x.nonzero_weights);
}
template <class F>
void members(Result& x, F f) {
    auto& [a, b, c, d, e, g, h, i, j, k, l, m, n, o, p, q, r, s, t] = x;
    f(a), f(b), f(c), f(d), f(e), f(g), f(h), f(i), f(j), f(k), f(l), f(m), f(n), f(o), f(p), f(q),
        f(r), f(s), f(t);
}

/// Gives every leaf a value of its own. A vector gets two elements, an eye its bins.
class Filler {
  public:
    template <class T>
    void operator()(T& x) {
        if constexpr (std::is_same_v<T, Mark>)
            x = static_cast<Mark>(next() % 4);
        else if constexpr (std::is_same_v<T, EnergySource>)
            x = static_cast<EnergySource>(next() % 2);
        else if constexpr (std::is_same_v<T, bool>)
            x = next() % 2 == 0;
        else if constexpr (std::is_floating_point_v<T>)
            x = static_cast<T>(next()) + static_cast<T>(0.25);
        else if constexpr (std::is_arithmetic_v<T>)
            x = static_cast<T>(next());
        else if constexpr (std::is_same_v<T, std::string>)
            x = "text " + std::to_string(next());
        else if constexpr (IsQuantity<T>::value)
            x = T::from_value(1e-12 * next());
        else if constexpr (IsOptional<T>::value)
            (*this)(x.emplace());
        else if constexpr (IsVector<T>::value) {
            if (x.empty()) x.resize(2);
            for (auto& element : x) (*this)(element);
        } else if constexpr (IsArray<T>::value)
            for (auto& element : x) (*this)(element);
        else
            members(x, [this](auto& member) { (*this)(member); });
    }

  private:
    int next() { return ++last_; }
    int last_ = 0;
};

/// Writes all leaves into one text, so that two results are equal when their texts are (NaN equals
/// NaN).
class Speller {
  public:
    template <class T>
    void operator()(T& x) {
        if constexpr (std::is_same_v<T, std::string>)
            text_ += "'" + x + "' ";
        else if constexpr (std::is_enum_v<T>)
            text_ += std::to_string(static_cast<int>(x)) + " ";
        else if constexpr (std::is_floating_point_v<T>)
            text_ += fmt::format("{} ", x);
        else if constexpr (std::is_arithmetic_v<T>)
            text_ += std::to_string(x) + " ";
        else if constexpr (IsQuantity<T>::value)
            text_ += fmt::format("{} ", x.value());
        else if constexpr (IsOptional<T>::value) {
            text_ += x ? "some " : "none ";
            if (x) (*this)(*x);
        } else if constexpr (IsVector<T>::value || IsArray<T>::value) {
            text_ += fmt::format("[{}: ", x.size());
            for (auto& element : x) (*this)(element);
            text_ += "]\n";
        } else
            members(x, [this](auto& member) { (*this)(member); });
    }
    const std::string& text() const { return text_; }

  private:
    std::string text_;
};

inline std::string spelled(const Result& result) {
    Result copy = result;
    Speller speller;
    speller(copy);
    return speller.text();
}

/// A result in which every leaf differs from its default, and unknowns stand beside knowns.
inline Result full_result() {
    Result result;
    Filler fill;
    fill(result);
    return result;
}

}  // namespace attohm::test
