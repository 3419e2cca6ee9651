#include "src/tile/driven_lines.hpp"

#include <algorithm>
#include <cmath>

#include "src/base/error.hpp"

namespace attohm {

DrivenLines::DrivenLines(const WordLineDacErrors& errors, const WordLineDrive& drive,
                         const ArrayShape& shape, const DrawSite& site, std::size_t groups,
                         std::size_t d)
    : drive_(&drive), shape_(shape), site_(site), groups_(groups), d_(d) {
    if (errors.none()) return;
    if (drive.settings().coding != InputCoding::amplitude) {
        throw UserError("a driver of one bit has no codes that could be off", "dac",
                        "errors of the word-line DACs without drive.coding: amplitude",
                        "drive.coding: amplitude, or dac.*: 0");
    }
    const int levels = std::max(1, static_cast<int>(std::ceil(drive.settings().q_levels)));
    for (std::size_t group = 0; group < groups; ++group) {
        for (std::size_t part = 0; part < shape.parts(d); ++part) {
            const std::size_t lines = shape.part_end(part, d) - shape.part_begin(part);
            dacs_.emplace_back(errors, lines, levels,
                               word_line_dac_stream(site, shape.physical(group, part, d)));
        }
    }
}

void DrivenLines::step(std::size_t group, std::size_t first, std::size_t step,
                       MatrixView<const float> codes, MatrixView<float> line) const {
    for (std::size_t t = 0; t < codes.rows; ++t) {
        drive_->line_row(step, codes.row(t), line.row(t), d_);
    }
    for (std::size_t part = 0; part < shape_.parts(d_) && !none(); ++part) {
        const std::size_t begin = shape_.part_begin(part);
        const std::size_t array = shape_.physical(group, part, d_);
        const MatrixView<float> lines = line.columns(begin, shape_.part_end(part, d_) - begin);
        dacs_[array].add_statics(lines, lines);
        dacs_[array].add_noise(dac_noise_stream(site_, array, step), first, lines);
    }
}

}  // namespace attohm
