#include <map>

#include "tests/verify/planted.hpp"

namespace attohm::testing {

namespace {

/// Puts a change of the device in front of a function of the model.
auto with_device(auto function, std::function<void(Device&)> change) {
    return [function, change](const Device& device, auto&&... rest) {
        Device changed = device;
        change(changed);
        return function(changed, rest...);
    };
}

void swap_wires(CrossbarModel& model) {
    model.solve = [solve = model.solve](MatrixView<const double> g, const WireResistances& wires,
                                        const std::vector<double>& inputs) {
        WireResistances swapped = wires;
        std::swap(swapped.row, swapped.column);
        return solve(g, swapped, inputs);
    };
}

void leave_out_wires(CrossbarModel& model) {
    model.solve = [solve = model.solve](MatrixView<const double> g, const WireResistances& wires,
                                        const std::vector<double>& inputs) {
        WireResistances some = wires;
        some.row = some.column = some.driver = some.sense = Ohm{};
        return solve(g, some, inputs);
    };
}

/// Lengths in nanometres, taken as metres where they multiply and as they are where they divide.
void pitch_in_metres(CrossbarModel& model) {
    model.segment = [segment = model.segment](const LineGeometry& line, Kelvin temperature) {
        return segment(line, temperature) * 1e9;
    };
}

/// Width and height 9 % off: wires 18 % too good.
void wide_lines(CrossbarModel& model) {
    model.segment = [segment = model.segment](LineGeometry line, Kelvin temperature) {
        line.width = line.width * 1.09;
        line.height = line.height * 1.09;
        return segment(line, temperature);
    };
}

void thousandfold(CrossbarModel& model) {
    model.program = [program = model.program](const Device& device, MatrixView<const double> target,
                                              const DrawSite& site, std::optional<Second> age) {
        PlainArray array = program(device, target, site, age);
        for (std::size_t i = 0; i < array.conductance_S.size(); ++i)
            array.conductance_S.data()[i] *= 1e3;
        return array;
    };
}

/// What was subtracted is the nominal reference, whatever was written into its column.
void unread_reference(CrossbarModel& model) {
    model.keys = [keys = model.keys](const Device& device, const KeyRequest& asked) {
        KeyColumns columns = keys(device, asked);
        if (asked.signs != Signs::offset) return columns;
        const Matrix<float>& g = columns.columns.front().conductance;
        const double dG = (device.g_max.value() - device.g_min.value()) / 15.0;
        const auto nominal = static_cast<float>(device.g_min.value() / dG + 8.0);
        for (std::size_t j = 0; j < columns.mean.rows(); ++j) {
            for (std::size_t i = 0; i < columns.mean.cols(); ++i)
                columns.mean(j, i) += g(g.rows() - 1, i) - nominal;
        }
        return columns;
    };
}

/// Cells differ from each other anew at every read.
void redraw_at_reads(CrossbarModel& model) {
    model.read = [read = model.read](const Device& device, MatrixView<const double> g,
                                     MatrixView<const double> v, const PlainReadSettings& given) {
        Matrix<float> out(v.rows, g.cols);
        for (std::size_t b = 0; b < v.rows; ++b) {
            PlainReadSettings settings = given;
            settings.first = given.first + b;
            Matrix<double> moved(g.rows, g.cols);
            const Stream stream(given.site.seed, Purpose::d2d_mean, {settings.first});
            for (std::size_t i = 0; i < g.rows; ++i) {
                for (std::size_t j = 0; j < g.cols; ++j) {
                    const Siemens here = Siemens::from_value(g(i, j));
                    moved(i, j) =
                        device.programming.written(here, stream.normal(i * g.cols + j)).value();
                }
            }
            const Matrix<float> one = read(device, moved.view(), v.rows_from(b, 1), settings);
            std::copy_n(one.row(0), g.cols, out.row(b));
        }
        return out;
    };
}

/// Faults and reference are drawn at every write event.
void redraw_chip(CrossbarModel& model) {
    model.program = [program = model.program](const Device& device, MatrixView<const double> target,
                                              DrawSite site, std::optional<Second> age) {
        site.chip = 1000 * site.chip + site.sample;
        return program(device, target, site, age);
    };
}

void redraw_reference(CrossbarModel& model) {
    model.keys = [keys = model.keys](const Device& device, KeyRequest asked) {
        asked.site.chip = 1000 * asked.site.chip + asked.site.sample;
        return keys(device, asked);
    };
}

/// One draw for all cells of a level.
void one_draw_per_level(CrossbarModel& model) {
    model.program = [program = model.program](const Device& device, MatrixView<const double> target,
                                              const DrawSite& site, std::optional<Second> age) {
        PlainArray array = program(device, target, site, age);
        if (device.programming.none()) return array;
        std::map<double, double> of_level;
        for (std::size_t i = 0; i < target.rows; ++i) {
            for (std::size_t j = 0; j < target.cols; ++j) {
                double& g = array.conductance_S(i, j);
                g = of_level.emplace(target(i, j), g).first->second;
            }
        }
        return array;
    };
}

/// Every cell has a generator of its own, with the same seed.
void one_seed(CrossbarModel& model) {
    model.program = [program = model.program](const Device& device, MatrixView<const double> target,
                                              const DrawSite& site, std::optional<Second> age) {
        PlainArray array = program(device, target, site, age);
        if (device.programming.none()) return array;
        std::map<double, double> written;
        for (std::size_t i = 0; i < target.rows; ++i) {
            for (std::size_t j = 0; j < target.cols; ++j) {
                const double asked = target(i, j);
                if (!written.contains(asked)) {
                    const MatrixView<const double> cell(&asked, 1, 1);
                    written[asked] = program(device, cell, site, age).conductance_S(0, 0);
                }
                array.conductance_S(i, j) = written[asked];
            }
        }
        return array;
    };
}

/// The most conductive level is the lowest.
void off_above_on(CrossbarModel& model) {
    model.keys = [keys = model.keys](const Device& device, const KeyRequest& asked) {
        Matrix<float> turned(asked.levels.rows, asked.levels.cols);
        for (std::size_t j = 0; j < turned.rows(); ++j) {
            for (std::size_t i = 0; i < turned.cols(); ++i)
                turned(j, i) = -1.0F - asked.levels(j, i);
        }
        return keys(device, {turned.view(), asked.signs, asked.site});
    };
}

void batch_decides(CrossbarModel& model) {
    model.read = [read = model.read](const Device& device, MatrixView<const double> g,
                                     MatrixView<const double> v, PlainReadSettings settings) {
        settings.site.sample += v.rows;
        return read(device, g, v, settings);
    };
}

/// Every column draws what the first one does.
void one_draw_per_read(CrossbarModel& model) {
    model.read = [read = model.read](const Device& device, MatrixView<const double> g,
                                     MatrixView<const double> v, const PlainReadSettings& given) {
        Matrix<float> out = read(device, g, v, given);
        if (device.read_noise.none()) return out;
        for (std::size_t b = 0; b < out.rows(); ++b)
            for (std::size_t c = 1; c < out.cols(); ++c) out(b, c) = out(b, 0);
        return out;
    };
}

void redraw_at_ages(CrossbarModel& model) {
    model.program = [program = model.program](const Device& device, MatrixView<const double> target,
                                              DrawSite site, std::optional<Second> age) {
        if (age) site.sample += static_cast<std::uint64_t>(age->value());
        return program(device, target, site, age);
    };
}

/// The write event does not reach the draws.
void one_write(CrossbarModel& model) {
    model.program = [program = model.program](const Device& device, MatrixView<const double> target,
                                              DrawSite site, std::optional<Second> age) {
        site.sample = 0;
        return program(device, target, site, age);
    };
}

void change_program(CrossbarModel& model, std::function<void(Device&)> change) {
    model.program = with_device(model.program, std::move(change));
}

void change_read(CrossbarModel& model, std::function<void(Device&)> change) {
    model.read = with_device(model.read, std::move(change));
}

std::vector<Plant> peer_plants() {
    return {
        {"row and column resistance swapped", swap_wires, {"wire-oracle", "wire-conservation"}},
        {"a pitch in nanometres read as metres", pitch_in_metres, {"line-segment"}},
        {"lines that are 18 % too good", wide_lines, {"line-segment"}},
        {"a read sigma in percent",
         [](CrossbarModel& m) {
             change_read(m, [](Device& d) { d.read_noise.sigma_rel *= 100.0; });
         },
         {"read-noise"}},
        {"a fraction taken for percent",
         [](CrossbarModel& m) {
             change_program(m, [](Device& d) { d.programming.scale *= 0.01; });
         },
         {"programming"}},
        {"a rate of faults taken for percent",
         [](CrossbarModel& m) {
             change_program(m, [](Device& d) {
                 d.stuck.low_rate *= 0.01;
                 d.stuck.high_rate *= 0.01;
             });
         },
         {"stuck-rates"}},
        {"a card's sigma that arrives in percent",
         [](CrossbarModel& m) { m.device.read_noise.sigma_rel *= 100.0; },
         {"card-numbers", "read-noise"}},
        // Whatever looks at a conductance in siemens sees it.
        {"a conductance 1000 times off",
         thousandfold,
         {"product", "programming", "cells-independent", "relaxation", "stuck-rates",
          "temperature"}},
        {"a reference conductance that nothing reads", unread_reference, {"reference"}},
        {"differences between cells redrawn at each read", redraw_at_reads, {"read-lifetime"}},
        {"stuck cells redrawn at each write", redraw_chip, {"chip-lifetime"}},
        {"the reference redrawn at each write", redraw_reference, {"chip-lifetime"}},
        // Aged cells are those of the level as well.
        {"one random number for all cells of a level",
         one_draw_per_level,
         {"programming", "cells-independent", "relaxation"}},
        {"one seed for all cells", one_seed, {"programming", "cells-independent", "relaxation"}},
        {"stuck-at rates halved",
         [](CrossbarModel& m) {
             change_program(m, [](Device& d) {
                 d.stuck.low_rate /= 2.0;
                 d.stuck.high_rate /= 2.0;
             });
         },
         {"stuck-rates"}},
        {"stuck-at rates swapped",
         [](CrossbarModel& m) {
             change_program(m, [](Device& d) { std::swap(d.stuck.low_rate, d.stuck.high_rate); });
         },
         {"stuck-rates"}},
        {"G_off above G_on", off_above_on, {"levels", "write-then-read"}},
        {"noise that changes with the size of the batch", batch_decides, {"batch"}},
    };
}

std::vector<Plant> own_plants() {
    return {
        {"lines left out", leave_out_wires, {"wire-oracle", "wire-conservation", "wire-limits"}},
        {"one draw for all columns of a read",
         one_draw_per_read,
         {"read-noise", "reads-independent"}},
        {"relaxation redrawn at each age", redraw_at_ages, {"relaxation"}},
        {"one write event for all", one_write, {"write-lifetime"}},
        {"slow noise twice as strong",
         [](CrossbarModel& m) {
             change_read(m, [](Device& d) { d.slow_noise.amplitude_rel2 *= 2.0; });
         },
         {"slow-spectrum"}},
        {"slow noise of another slope",
         [](CrossbarModel& m) { change_read(m, [](Device& d) { d.slow_noise.exponent = 1.1; }); },
         {"slow-spectrum"}},
        {"traps of half the steps",
         [](CrossbarModel& m) { change_read(m, [](Device& d) { d.telegraph.scale *= 0.5; }); },
         {"telegraph"}},
        {"a temperature coefficient of the other sign",
         [](CrossbarModel& m) {
             change_program(m, [](Device& d) {
                 if (d.temperature_law) d.temperature_law->alpha_per_K *= -1.0;
             });
         },
         {"temperature"}},
        {"a cell of another reference voltage",
         [](CrossbarModel& m) {
             m.cell_current = with_device(
                 m.cell_current, [](Device& d) { d.cell.iv.v_ref = d.cell.iv.v_ref * 0.5; });
         },
         {"cell-current"}},
        {"verify reads that are free",
         [](CrossbarModel& m) {
             change_program(m, [](Device& d) { d.write.verify_time = Second{}; });
         },
         {"write-energy"}},
    };
}

}  // namespace

const std::vector<Plant>& plants() {
    static const std::vector<Plant> all = [] {
        std::vector<Plant> list = peer_plants();
        for (Plant& plant : own_plants()) list.push_back(std::move(plant));
        return list;
    }();
    return all;
}

}  // namespace attohm::testing
