#pragma once

#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

/// Measured data: CSV files read strictly. A file is recognised by its columns, never by its name;
/// units stand in the column names (`conductance_uS`), another known unit of the same quantity is
/// converted, another quantity is refused. Conductances are held in uS, as cards write them; all
/// else in s, K, V, A.
namespace attohm::fit {

enum class MeasuredKind { programming, reads, retention, iv, pulses };
constexpr std::size_t kMeasuredKinds = 5;
std::string_view measured_kind_name(MeasuredKind kind);

/// All rows of one kind, from one file or several.
class MeasuredTable {
  public:
    MeasuredKind kind = MeasuredKind::programming;
    std::vector<std::string> files;  ///< base names, in the order given

    std::size_t rows() const { return lines_.size(); }
    /// Args: stem: column without its unit, e.g. "conductance".
    bool has(std::string_view stem) const { return columns_.find(stem) != columns_.end(); }
    std::span<const double> column(std::string_view stem) const;
    /// "file.csv:17, column `conductance_uS`"
    std::string place(std::size_t row, std::string_view stem) const;
    /// "a.csv + b.csv, 3200 rows"
    std::string source() const;

  private:
    friend class MeasuredReader;
    struct Column {
        std::string header;  ///< as the first file spells it
        std::vector<double> values;
    };
    std::map<std::string, Column, std::less<>> columns_;
    std::vector<int> lines_;         ///< by row
    std::vector<std::size_t> file_;  ///< by row
};

/// All files of a device, by kind.
class MeasuredData {
  public:
    /// Throws: UserError naming file, row and column: a missing, unknown or repeated column, a
    /// column without a unit or with that of another quantity, an empty or non-finite field, a
    /// negative conductance, a file without rows, files of one kind with different columns.
    static MeasuredData from_files(const std::vector<std::string>& paths);
    /// The same from text in memory. Args: name: what to call it in messages.
    void add_text(std::string_view text, const std::string& name);

    const MeasuredTable* find(MeasuredKind kind) const;

  private:
    std::map<MeasuredKind, MeasuredTable> tables_;
};

/// One cell of a chip.
struct CellId {
    long chip = 0;
    long row = 0;
    long column = 0;
    auto operator<=>(const CellId&) const = default;
};
CellId cell_of(const MeasuredTable& table, std::size_t row);
std::string cell_text(const CellId& cell);

/// A CSV template with comments that explain every column. Throws nothing.
struct CsvTemplate {
    std::string name;  ///< "programming.csv"
    std::string text;
};
std::vector<CsvTemplate> measured_templates();

}  // namespace attohm::fit
