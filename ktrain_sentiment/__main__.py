"""`python -m ktrain_sentiment COMMAND ...`, the same as `ktrain-sentiment COMMAND ...`."""

from ktrain_sentiment.commands.dispatch import main

if __name__ == "__main__":
    main()
