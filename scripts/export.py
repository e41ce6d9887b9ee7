"""The command `ktrain-sentiment export`, from a clone."""

from ktrain_sentiment.commands.dispatch import main

if __name__ == "__main__":
    main("export")
