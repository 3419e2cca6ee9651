#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "src/report/format.hpp"

namespace attohm {

/// A table under construction; cells are escaped.
class HtmlTable {
  public:
    /// Args: heads: columns, those that begin with '#' hold numbers (right-aligned).
    HtmlTable(std::string_view css_class, const std::vector<std::string>& heads) {
        html_ = "<div class=\"scroll\"><table class=\"" + std::string(css_class) + "\"><thead><tr>";
        for (const std::string& head : heads) {
            numeric_.push_back(head.starts_with('#'));
            html_ +=
                cell("th", numeric_.back(), std::string_view(head).substr(numeric_.back() ? 1 : 0));
        }
        html_ += "</tr></thead><tbody>\n";
    }

    void row(const std::vector<std::string>& cells, std::string_view css_class = "") {
        html_ += css_class.empty() ? "<tr>" : "<tr class=\"" + std::string(css_class) + "\">";
        for (std::size_t i = 0; i < cells.size(); ++i)
            html_ += cell("td", i < numeric_.size() && numeric_[i], cells[i]);
        html_ += "</tr>\n";
        ++rows_;
    }

    int rows() const { return rows_; }
    std::string take() { return html_ + "</tbody></table></div>\n"; }

  private:
    static std::string cell(std::string_view tag, bool numeric, std::string_view text) {
        return "<" + std::string(tag) + (numeric ? " class=\"n\">" : ">") + html_escape(text) +
               "</" + std::string(tag) + ">";
    }

    std::string html_;
    std::vector<bool> numeric_;
    int rows_ = 0;
};

inline std::string collapsed(std::string_view summary, const std::string& html, bool open = false) {
    return std::string(open ? "<details open>" : "<details>") + "<summary>" + html_escape(summary) +
           "</summary>\n" + html + "</details>\n";
}

inline std::string paragraph(std::string_view text, std::string_view css_class = "note") {
    return "<p class=\"" + std::string(css_class) + "\">" + html_escape(text) + "</p>\n";
}

}  // namespace attohm
