#pragma once

#include <string>
#include <vector>

#include "crossbar/device/device.hpp"

/// Published points beside a card, and what the card's laws say at them.
/// Format and quantities: crossbar/device/cards/points/README.md.
namespace attohm::testing {

struct CardPoint {
    std::string quantity;  ///< without "@conductance"
    double at_uS = 0.0;    ///< conductance after the @
    double x = 0.0;
    double y = 0.0;
    double tolerance = 0.0;
    std::string kind;      ///< found | derived | recalled
    bool compared = true;  ///< a recalled point is not
    std::string where;     ///< file:line
};

/// What a table states of a fit: "# residual: QUANTITY rms R max M".
struct StatedResidual {
    std::string quantity;
    double rms = 0.0;
    double largest = 0.0;
};

struct CardPoints {
    std::string card;
    std::string file;  ///< points/NAME.csv, relative to the cards
    std::string bytes;
    std::vector<CardPoint> points;
    std::vector<StatedResidual> residuals;
};

/// All tables, by card. Throws: std::runtime_error naming the line that is not of the format.
std::vector<CardPoints> all_card_points();

/// The card's own law at a point, in the units of its table.
/// Throws: std::runtime_error for a quantity that no law answers.
double card_says(const Device& device, const CardPoint& point);
double card_says(const Device& device, const std::string& quantity, double x, double at_uS = 0.0);

}  // namespace attohm::testing
