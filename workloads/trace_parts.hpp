#pragma once

#include <initializer_list>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "src/base/hdf5.hpp"

/// Attribute and tensor readers shared by the parts of TraceFile. All throw UserError.
namespace attohm {

/// A whole number from `low` to 2^31 - 1; absent: `otherwise`, or an error when there is none.
int count_attribute(const H5Group& object, std::string_view name, int low,
                    std::optional<int> otherwise = std::nullopt);
/// 0 or 1.
bool flag_attribute(const H5Group& object, std::string_view name,
                    std::optional<bool> otherwise = std::nullopt);
/// One of the allowed words; an unknown one is an error with the nearest known.
std::string word_attribute(const H5Group& object, std::string_view name,
                           const std::vector<std::string>& allowed,
                           std::optional<std::string> otherwise = std::nullopt);
float real_attribute(const H5Group& object, std::string_view name,
                     std::optional<float> otherwise = std::nullopt);
/// Text, or "" when absent.
std::string note_attribute(const H5Group& object, std::string_view name);

enum class Dtype { float32, float32_or_float16, uint8, int32, int64 };

/// That a dataset exists with this type and one of these shapes; kAny in a shape stands for any
/// size.
constexpr std::size_t kAny = static_cast<std::size_t>(-1);
H5DatasetInfo require_dataset(const H5Group& group, std::string_view name, Dtype dtype,
                              std::initializer_list<H5Shape> shapes);

/// Throws: UserError naming the dataset and the index of the first value that is NaN or infinite.
/// Args: before: elements of the dataset in front of `values`.
void require_finite(std::span<const float> values, const H5Shape& shape, const std::string& where,
                    std::size_t before = 0);

/// Reads into `out`, which has the right size, and requires finite values.
void read_finite(const H5Group& group, std::string_view name, const H5Shape& shape,
                 std::span<float> out);

/// "[1, 0, 7]" of the flat position in a shape.
std::string index_text(std::size_t position, const H5Shape& shape);

/// Names that are all digits, in numerical order; other names are not ours.
std::vector<std::string> numbered(std::vector<std::string> names);
/// That names in numerical order are 0, 1, 2, ... without gap or repeat. Throws: UserError.
void require_counted(const std::vector<std::string>& names, const H5Group& group);

}  // namespace attohm
