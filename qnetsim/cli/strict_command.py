"""A command that refuses an option which is given twice, where only one of the two could count."""

from __future__ import annotations

import click


class StrictCommand(click.Command):
    """A command whose options are given once, unless they are lists.

    A flag may stand twice, since it says the same again; ``--a --no-a`` does not.
    """

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse the words of the command.

        Raises
        ------
        click.UsageError
            An option that takes one value is given twice, or a flag and its opposite.
        """
        # a copy: parsing takes words away; what is wrong there is said by the parsing that counts
        words = list(args)
        try:
            _, _, order = self.make_parser(ctx).parse_args(words)
        except click.UsageError:
            return super().parse_args(ctx, args)
        seen: set[str] = set()
        for option in order:
            if not isinstance(option, click.Option) or option.multiple or _says_the_same(option):
                continue
            name = str(option.name)
            if name in seen:
                raise click.UsageError(_twice(option), ctx)
            seen.add(name)
        return super().parse_args(ctx, args)


def _says_the_same(option: click.Option) -> bool:
    return option.is_flag and not option.secondary_opts


def _twice(option: click.Option) -> str:
    if option.secondary_opts:
        return f"{option.opts[0]} and {option.secondary_opts[0]} are given; give one of them"
    name = max(option.opts, key=len)
    return f"{name} is given twice; give it once"
