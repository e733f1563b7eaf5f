#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# fill.sh PAGE PROGRAM: the manual page, with what the program prints in the place of the lines @modes@ and @help@.
set -eu
printed() { "$@" | sed -e 's/\\/\\e/g' -e 's/^\([.'"'"']\)/\\\&\1/' -e 's/-/\\-/g'; }
while IFS= read -r line; do
    case $line in
    @modes@) printed "$2" modes ;;
    @help@) printed "$2" --help ;;
    *) printf '%s\n' "$line" ;;
    esac
done <"$1"
