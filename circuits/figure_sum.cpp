#include "circuits/figure_sum.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "circuits/power_law.hpp"
#include "src/base/text.hpp"

namespace attohm {

FigureSum& FigureSum::add(double count, std::string_view noun, const std::optional<Cited>& figure) {
    if (!parts_.empty()) parts_ += " + ";
    parts_ += fmt::format("{} x {}", format_real(count), noun);
    if (!figure) {
        known_ = false;
        return *this;
    }
    value_ += count * figure->value;
    mark_ = weaker(mark_, figure->mark);
    if (std::find(sources_.begin(), sources_.end(), figure->source) == sources_.end())
        sources_.push_back(figure->source);
    return *this;
}

std::optional<Cited> FigureSum::total(Mark counts) const {
    if (!known_ || parts_.empty()) return std::nullopt;
    std::string source = parts_;
    if (counts == Mark::assumed) source += " (numbers assumed)";
    return Cited{value_, fmt::format("{}: {}", source, fmt::join(sources_, "; ")),
                 weaker(mark_, counts)};
}

}  // namespace attohm
