"""The command `ktrain-sentiment find-lr`, from a clone."""

from ktrain_sentiment.commands.dispatch import main

if __name__ == "__main__":
    main("find-lr")
