"""The command `ktrain-sentiment adapt`, from a clone."""

from ktrain_sentiment.commands.dispatch import main

if __name__ == "__main__":
    main("adapt")
