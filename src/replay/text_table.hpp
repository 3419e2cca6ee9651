#pragma once

#include <string>
#include <string_view>
#include <vector>

/// Tables of a terminal.
namespace attohm {

/// Aligned columns: the first one to the left, the others to the right, two blanks between.
class TextTable {
  public:
    /// Args: indent: blanks before every line.
    explicit TextTable(std::size_t indent = 2) : indent_(indent) {}
    /// A row may be shorter than the longest.
    void row(std::vector<std::string> cells) { rows_.push_back(std::move(cells)); }
    std::string text() const;

  private:
    std::size_t indent_;
    std::vector<std::vector<std::string>> rows_;
};

/// Three digits with an SI prefix: "12.3 uJ", "0 J", "unknown" for NaN, "unbounded" for infinity.
std::string engineering_text(double value, std::string_view unit);
/// `digits` significant digits: "0.0123", "unknown" for NaN, "unbounded" for infinity.
std::string number_text(double value, int digits = 3);
/// A fixed number of decimals: "0.969", "-" for NaN.
std::string decimal_text(double value, int decimals);

/// Words joined by ", ", broken into lines of at most `width` columns.
std::string wrapped_list(const std::vector<std::string>& words, std::size_t indent,
                         std::size_t width = 100);

}  // namespace attohm
